// SPDX-License-Identifier: MIT OR Apache-2.0
// peak-memory FILE COMMAND...: runs the command and writes its peak resident memory in kB into FILE. Its exit status is that of the command,
// 128 + S for one that signal S has ended. In C, because what starts a process counts as that process's memory until it is another.
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **arguments) {
    if (count < 3) {
        fputs("usage: peak-memory FILE COMMAND...\n", stderr);
        return 2;
    }
    pid_t child = vfork();
    if (child == 0) {
        execvp(arguments[2], arguments + 2);
        _exit(127);
    }
    int status;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        perror("peak-memory");
        return 2;
    }
    FILE *out = fopen(arguments[1], "w");
    if (out == NULL || fprintf(out, "%ld\n", usage.ru_maxrss) < 0 || fclose(out) != 0) {
        perror(arguments[1]);
        return 2;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
