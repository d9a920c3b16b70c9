// SPDX-License-Identifier: MIT OR Apache-2.0
// A compiler from a small Lisp to LLVM IR, to show the whole way from a code generator to a running program:
//
//     lispc squares.lisp > squares.ll             emits IR; the declares of strand.ll go in front of it
//     cat strand.ll squares.ll > program.ll
//     clang -O2 program.ll libstrand.a -o squares
//
// The language has functions of 64-bit integers and what libstrand gives: strands, channels, select, timers. The grammar:
//
//     program  = (define (name argument...) form...) ...          (main) is where it begins
//     form     = integer | name | (name form...)                  a call
//              | (let ((name form)...) form...) | (set! name form) | (begin form...)
//              | (if form form [form]) | (while form form...)
//              | (+ - * / % = != < <= > >= form form)
//              | (print "text" or form ...)                       one line of output
//              | (spawn (name form...))                           a new strand; its id
//              | (join form) | (yield) | (sleep milliseconds) | (now)
//              | (channel capacity) | (send channel form) | (receive channel) | (close channel)
//              | (each (name channel) form...)                    until the channel is closed and empty
//              | (select clause...)
//     clause   = ((receive channel name [open]) form...)          open: 0 when the channel is closed; channel 0: never
//              | ((send channel form) form...) | ((after milliseconds) form...) | (else form...)
//
// What the code generator has to know of libstrand is in four places, marked with RULE.
#define _GNU_SOURCE
#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------------------------------------- reading

typedef enum { INTEGER, NAME, TEXT, LIST } kind;

typedef struct node {
    kind kind;
    int line;
    char *text;           // of a name or a text
    long long integer;
    struct node **items;  // of a list
    size_t count;
} node;

static const char *file_name;
static const char *at;
static int line = 1;

static _Noreturn void error(int where, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", file_name, where);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(1);
}

static void *need(void *memory) {
    if (memory == NULL) error(line, "out of memory");
    return memory;
}

static void skip_blanks(void) {
    for (;; at++) {
        if (*at == ';') at += strcspn(at, "\n");
        if (*at == '\n') line++;
        if (*at == 0 || !isspace((unsigned char)*at)) return;
    }
}

static node *new_node(kind kind) {
    node *made = need(calloc(1, sizeof *made));
    made->kind = kind;
    made->line = line;
    return made;
}

static node *read_node(void) {
    skip_blanks();
    if (*at == '(') {
        node *list = new_node(LIST);
        at++;
        for (skip_blanks(); *at != ')'; skip_blanks()) {
            if (*at == 0) error(list->line, "this list is not closed");
            list->items = need(realloc(list->items, (list->count + 1) * sizeof *list->items));
            list->items[list->count++] = read_node();
        }
        at++;
        return list;
    }
    if (*at == ')') error(line, "a ) that closes nothing");
    if (*at == '"') {
        node *text = new_node(TEXT);
        size_t length = strcspn(at + 1, "\"");
        if (at[1 + length] == 0) error(text->line, "this text is not closed");
        text->text = need(strndup(at + 1, length));
        for (size_t i = 0; i < length; i++) line += text->text[i] == '\n';
        at += length + 2;
        return text;
    }
    size_t length = strcspn(at, " \t\r\n();\"");
    node *atom = new_node(NAME);
    atom->text = need(strndup(at, length));
    char *end;
    atom->integer = strtoll(atom->text, &end, 10);
    if (*end == 0) atom->kind = INTEGER;
    at += length;
    return atom;
}

static int is_form(const node *form, const char *head) {
    return form->kind == LIST && form->count > 0 && form->items[0]->kind == NAME && strcmp(form->items[0]->text, head) == 0;
}

static node *name_of(node *item, const char *what) {
    if (item->kind != NAME) error(item->line, "%s must be a name", what);
    for (const char *letter = item->text; *letter; letter++)
        if (!isalnum((unsigned char)*letter) && !strchr("-_?!.", *letter)) error(item->line, "%s: no letter of a name: %c", item->text, *letter);
    return item;
}

static void expect(const node *form, size_t least, size_t most) {
    size_t given = form->count - 1;
    if (given < least) error(form->line, "(%s ...) needs at least %zu parts and has %zu", form->items[0]->text, least, given);
    if (given > most) error(form->line, "(%s ...) takes at most %zu parts and has %zu", form->items[0]->text, most, given);
}

// ---------------------------------------------------------------------------------------------- emitting

typedef struct variable {
    const char *name;
    int slot;
} variable;

typedef struct function {
    const char *name;
    size_t arguments;
} function;

enum { VARIABLES_MAX = 256, FUNCTIONS_MAX = 1024, OPERAND = 64 };
typedef struct value { char text[OPERAND]; } value;  // an operand of an instruction

static variable variables[VARIABLES_MAX];
static size_t variable_count;
static function functions[FUNCTIONS_MAX];
static size_t function_count;
static FILE *head, *body;     // allocas of the function, and its instructions
static int next_number;       // of temporaries, labels and slots; anew in each function
static int next_text;
static FILE *constants;

static value compile(node *form);

static value operand(const char *format, ...) {
    value made;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(made.text, sizeof made.text, format, arguments);
    va_end(arguments);
    return made;
}

static value integer(long long number) { return operand("%lld", number); }

static void emit(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("  ", body);
    vfprintf(body, format, arguments);
    fputc('\n', body);
    va_end(arguments);
}

// An instruction with a result.
static value result(const char *format, ...) {
    value made = operand("%%t%d", next_number++);
    va_list arguments;
    va_start(arguments, format);
    fprintf(body, "  %s = ", made.text);
    vfprintf(body, format, arguments);
    fputc('\n', body);
    va_end(arguments);
    return made;
}

static int new_label(void) { return next_number++; }
static void place(int label) { fprintf(body, "l%d:\n", label); }
static void jump(int label) { emit("br label %%l%d", label); }

// Memory in the frame. In the entry block, so that a loop does not take more of it each time round.
static value frame(const char *type) {
    value made = operand("%%m%d", next_number++);
    fprintf(head, "  %s = alloca %s, align 8\n", made.text, type);
    return made;
}

static value constant_text(const char *text, size_t length) {
    value made = operand("@text.%d", next_text++);
    fprintf(constants, "%s = private constant [%zu x i8] c\"", made.text, length + 1);
    for (size_t i = 0; i < length; i++) {
        unsigned char letter = (unsigned char)text[i];
        if (letter < ' ' || letter > '~' || letter == '"' || letter == '\\') fprintf(constants, "\\%02X", letter);
        else fputc(letter, constants);
    }
    fputs("\\00\"\n", constants);
    return made;
}

// RULE 1: every call answers with a status, and what is not expected is not ignored: the strand fails, with a message.
static void must(value status, const char *what) {
    value text = constant_text(what, strlen(what));
    emit("call void @lisp.must(i32 %s, ptr %s)", status.text, text.text);
}

// RULE 2: a loop that may run for long without a call that waits polls at its back-edge: one load and one branch.
static void poll(void) {
    int wanted = new_label(), on = new_label();
    value word = result("load atomic i32, ptr @strand_poll_word monotonic, align 4");
    value raised = result("icmp ne i32 %s, 0", word.text);
    emit("br i1 %s, label %%l%d, label %%l%d", raised.text, wanted, on);
    place(wanted);
    must(result("call i32 @strand_checkpoint()"), "a loop");
    jump(on);
    place(on);
}

static int find_variable(const node *name) {
    for (size_t i = variable_count; i-- > 0;)
        if (strcmp(variables[i].name, name->text) == 0) return variables[i].slot;
    error(name->line, "there is no variable %s", name->text);
}

static void bind(node *name, value initial) {
    if (variable_count == VARIABLES_MAX) error(name->line, "more than %d variables at once", VARIABLES_MAX);
    int slot = next_number++;
    fprintf(head, "  %%v%d = alloca i64, align 8\n", slot);
    emit("store i64 %s, ptr %%v%d", initial.text, slot);
    variables[variable_count++] = (variable){name_of(name, "a variable")->text, slot};
}

static const function *find_function(const node *call) {
    const node *name = call->items[0];
    for (size_t i = 0; i < function_count; i++) {
        if (strcmp(functions[i].name, name->text) != 0) continue;
        if (functions[i].arguments != call->count - 1)
            error(call->line, "%s takes %zu arguments, not %zu", name->text, functions[i].arguments, call->count - 1);
        return &functions[i];
    }
    error(call->line, "there is no function and no form of the name %s", name->text);
}

// ---------------------------------------------------------------------------------------------- forms

static value sequence(node **forms, size_t count) {
    value last = integer(0);
    for (size_t i = 0; i < count; i++) last = compile(forms[i]);
    return last;
}

static value truth(node *form) { return result("icmp ne i64 %s, 0", compile(form).text); }

static value compile_if(node *form) {
    expect(form, 2, 3);
    int yes = new_label(), no = new_label(), end = new_label();
    value outcome = frame("i64"), condition = truth(form->items[1]);
    emit("br i1 %s, label %%l%d, label %%l%d", condition.text, yes, no);
    place(yes);
    emit("store i64 %s, ptr %s", compile(form->items[2]).text, outcome.text);
    jump(end);
    place(no);
    emit("store i64 %s, ptr %s", form->count > 3 ? compile(form->items[3]).text : "0", outcome.text);
    jump(end);
    place(end);
    return result("load i64, ptr %s", outcome.text);
}

static value compile_while(node *form) {
    expect(form, 1, SIZE_MAX);
    int again = new_label(), work = new_label(), end = new_label();
    jump(again);
    place(again);
    emit("br i1 %s, label %%l%d, label %%l%d", truth(form->items[1]).text, work, end);
    place(work);
    sequence(form->items + 2, form->count - 2);
    poll();
    jump(again);
    place(end);
    return integer(0);
}

static value compile_let(node *form) {
    expect(form, 1, SIZE_MAX);
    size_t before = variable_count;
    if (form->items[1]->kind != LIST) error(form->line, "(let ((name form)...) form...)");
    for (size_t i = 0; i < form->items[1]->count; i++) {
        node *pair = form->items[1]->items[i];
        if (pair->kind != LIST || pair->count != 2) error(pair->line, "a variable of let is (name form)");
        bind(pair->items[0], compile(pair->items[1]));
    }
    value last = sequence(form->items + 2, form->count - 2);
    variable_count = before;
    return last;
}

static value compile_print(node *form) {
    char *format;
    size_t size;
    FILE *out = need(open_memstream(&format, &size));
    value *values = need(calloc(form->count, sizeof *values));
    size_t count = 0;
    for (size_t i = 1; i < form->count; i++) {
        if (form->items[i]->kind == TEXT) {
            for (const char *letter = form->items[i]->text; *letter; letter++) fprintf(out, *letter == '%' ? "%%%%" : "%c", *letter);
        } else {
            values[count++] = compile(form->items[i]);
            fputs("%lld", out);
        }
    }
    fputc('\n', out);
    fclose(out);
    value text = constant_text(format, size);
    fprintf(body, "  call i32 (ptr, ...) @printf(ptr %s", text.text);
    for (size_t i = 0; i < count; i++) fprintf(body, ", i64 %s", values[i].text);
    fputs(")\n", body);
    free(values);
    free(format);
    return integer(0);
}

// A call, or its arguments in memory for the strand that will make it.
static void compile_arguments(const node *call, value *values) {
    for (size_t i = 1; i < call->count; i++) values[i - 1] = compile(call->items[i]);
}

static value compile_call(node *form) {
    const function *called = find_function(form);
    value *values = need(calloc(form->count, sizeof *values));
    compile_arguments(form, values);
    value made = operand("%%t%d", next_number++);
    fprintf(body, "  %s = call i64 @\"lisp.%s\"(", made.text, called->name);
    for (size_t i = 0; i + 1 < form->count; i++) fprintf(body, "%si64 %s", i ? ", " : "", values[i].text);
    fputs(")\n", body);
    free(values);
    return made;
}

// RULE 3: the arguments of a strand outlive the frame of its spawner: arg_bytes has them copied.
static value compile_spawn(node *form) {
    expect(form, 1, 1);
    node *call = form->items[1];
    if (call->kind != LIST || call->count == 0 || call->items[0]->kind != NAME) error(form->line, "(spawn (function argument...))");
    const function *called = find_function(call);
    value *values = need(calloc(call->count, sizeof *values));
    compile_arguments(call, values);
    char type[OPERAND];
    snprintf(type, sizeof type, "[%zu x i64]", call->count);
    value arguments = frame(type), options = frame("%strand_spawn_options"), id = frame("i64");
    for (size_t i = 0; i + 1 < call->count; i++) {
        value where = result("getelementptr i64, ptr %s, i64 %zu", arguments.text, i);
        emit("store i64 %s, ptr %s", values[i].text, where.text);
    }
    emit("store %%strand_spawn_options zeroinitializer, ptr %s", options.text);
    emit("store i32 ptrtoint (ptr getelementptr (%%strand_spawn_options, ptr null, i32 1) to i32), ptr %s", options.text);
    value name = constant_text(called->name, strlen(called->name));
    struct { int field; const char *type; value stored; } fields[] = {
        {2, "ptr", name}, {3, "i64", integer((long long)strlen(called->name))}, {9, "i64", integer(8 * (long long)(call->count - 1))},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        value where = result("getelementptr %%strand_spawn_options, ptr %s, i32 0, i32 %d", options.text, fields[i].field);
        emit("store %s %s, ptr %s", fields[i].type, fields[i].stored.text, where.text);
    }
    must(result("call i32 @strand_spawn_with(ptr %s, ptr @\"lisp.%s.entry\", ptr %s, ptr %s)", options.text, called->name,
                arguments.text, id.text), "spawn");
    free(values);
    return result("load i64, ptr %s", id.text);
}

static value compile_receive(node *form) {
    value channel = compile(form->items[1]), element = frame("i64");
    must(result("call i32 @strand_chan_recv(i64 %s, ptr %s, i64 -1)", channel.text, element.text), "receive");
    return result("load i64, ptr %s", element.text);
}

static value compile_send(node *form) {
    value channel = compile(form->items[1]), sent = compile(form->items[2]), element = frame("i64");
    emit("store i64 %s, ptr %s", sent.text, element.text);
    must(result("call i32 @strand_chan_send(i64 %s, ptr %s, i64 -1)", channel.text, element.text), "send");
    return sent;
}

static value compile_each(node *form) {
    node *pair = form->items[1];
    if (pair->kind != LIST || pair->count != 2) error(form->line, "(each (name channel) form...)");
    int again = new_label(), some = new_label(), none = new_label(), end = new_label();
    size_t before = variable_count;
    value channel = compile(pair->items[1]);
    bind(pair->items[0], integer(0));
    int slot = variables[variable_count - 1].slot;
    jump(again);
    place(again);
    value status = result("call i32 @strand_chan_recv(i64 %s, ptr %%v%d, i64 -1)", channel.text, slot);
    emit("br i1 %s, label %%l%d, label %%l%d", result("icmp eq i32 %s, 0", status.text).text, some, none);
    place(some);
    sequence(form->items + 2, form->count - 2);
    jump(again);
    place(none);
    // STRAND_ERR_CLOSED ends the loop; anything else is an error.
    value closed = result("icmp eq i32 %s, -9", status.text);
    must(result("select i1 %s, i32 0, i32 %s", closed.text, status.text), "each");
    jump(end);
    place(end);
    variable_count = before;
    return integer(0);
}

static value milliseconds(node *form) { return result("mul i64 %s, 1000000", compile(form).text); }

// A field of case number `index` of a select.
static void set_case(value cases, size_t index, int field, const char *type, const char *stored) {
    value where = result("getelementptr %%strand_case, ptr %s, i64 %zu, i32 %d", cases.text, index, field);
    emit("store %s %s, ptr %s", type, stored, where.text);
}

static void compile_case(value cases, size_t index, node *what, value element) {
    set_case(cases, index, 0, "i32", "ptrtoint (ptr getelementptr (%strand_case, ptr null, i32 1) to i32)");
    if (is_form(what, "after")) {
        expect(what, 1, 1);
        set_case(cases, index, 1, "i32", "4");
        set_case(cases, index, 4, "i64", result("call i64 @strand_after(i64 %s)", milliseconds(what->items[1]).text).text);
        return;
    }
    int receives = is_form(what, "receive");
    if (!receives && !is_form(what, "send")) error(what->line, "a clause of select is (receive ...), (send ...), (after ...) or else");
    expect(what, 2, receives ? 3 : 2);
    // Channel 0 is never ready: a program switches a clause off by setting its variable to 0.
    value channel = compile(what->items[1]);
    value none = result("icmp eq i64 %s, 0", channel.text);
    set_case(cases, index, 1, "i32", result("select i1 %s, i32 0, i32 %d", none.text, receives ? 1 : 2).text);
    set_case(cases, index, 2, "i64", channel.text);
    set_case(cases, index, 3, "ptr", element.text);
    emit("store i64 %s, ptr %s", receives ? "0" : compile(what->items[2]).text, element.text);
}

// The names that a clause binds: the value, and whether the channel was open.
static void bind_received(node *what, value cases, size_t index, value element) {
    if (!is_form(what, "receive")) return;
    bind(what->items[2], result("load i64, ptr %s", element.text));
    if (what->count < 4) return;
    value where = result("getelementptr %%strand_case, ptr %s, i64 %zu, i32 5", cases.text, index);
    value open = result("icmp eq i32 %s, 0", result("load i32, ptr %s", where.text).text);
    bind(what->items[3], result("zext i1 %s to i64", open.text));
}

static value compile_select(node *form) {
    expect(form, 1, 64);
    size_t clauses = form->count - 1, count = clauses;
    for (size_t i = 1; i <= clauses; i++)
        if (form->items[i]->kind != LIST || form->items[i]->count == 0) error(form->items[i]->line, "a clause is a list");
    int has_else = is_form(form->items[clauses], "else");
    count -= (size_t)has_else;
    char type[OPERAND];
    snprintf(type, sizeof type, "[%zu x %%strand_case]", count + 1);
    value cases = frame(type), index = frame("i64"), outcome = frame("i64");
    value *elements = need(calloc(clauses + 1, sizeof *elements));
    int *labels = need(calloc(clauses + 1, sizeof *labels));
    emit("store %s zeroinitializer, ptr %s", type, cases.text);
    emit("store i64 0, ptr %s", outcome.text);
    for (size_t i = 0; i < count; i++) compile_case(cases, i, form->items[i + 1]->items[0], elements[i] = frame("i64"));
    for (size_t i = 0; i < clauses; i++) labels[i] = new_label();
    // With an else nothing is waited for, and WOULD_BLOCK is an answer.
    value status = result("call i32 @strand_select(ptr %s, i64 %zu, i64 %d, i32 0, ptr %s)", cases.text, count, has_else ? 0 : -1, index.text);
    int end = new_label(), bad = new_label(), chosen = new_label();
    if (has_else) {
        value blocks = result("icmp eq i32 %s, -6", status.text);
        int further = new_label();
        emit("br i1 %s, label %%l%d, label %%l%d", blocks.text, labels[count], further);
        place(further);
    }
    must(status, "select");
    jump(chosen);
    place(chosen);
    fprintf(body, "  switch i64 %s, label %%l%d [", result("load i64, ptr %s", index.text).text, bad);
    for (size_t i = 0; i < count; i++) fprintf(body, " i64 %zu, label %%l%d", i, labels[i]);
    fputs(" ]\n", body);
    for (size_t i = 0; i < clauses; i++) {
        node *clause = form->items[i + 1];
        size_t before = variable_count;
        place(labels[i]);
        if (i < count) bind_received(clause->items[0], cases, i, elements[i]);
        emit("store i64 %s, ptr %s", sequence(clause->items + 1, clause->count - 1).text, outcome.text);
        variable_count = before;
        jump(end);
    }
    place(bad);
    emit("unreachable");
    place(end);
    free(elements);
    free(labels);
    return result("load i64, ptr %s", outcome.text);
}

static value compile_list(node *form) {
    static const char *const operators[][2] = {
        {"+", "add"}, {"-", "sub"}, {"*", "mul"}, {"=", "icmp eq"}, {"!=", "icmp ne"},
        {"<", "icmp slt"}, {"<=", "icmp sle"}, {">", "icmp sgt"}, {">=", "icmp sge"},
    };
    const char *name = form->items[0]->text;
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (strcmp(name, operators[i][0]) != 0) continue;
        expect(form, 2, 2);
        value left = compile(form->items[1]), right = compile(form->items[2]);
        value made = result("%s i64 %s, %s", operators[i][1], left.text, right.text);
        return strncmp(operators[i][1], "icmp", 4) == 0 ? result("zext i1 %s to i64", made.text) : made;
    }
    if (strcmp(name, "/") == 0 || strcmp(name, "%") == 0) {
        expect(form, 2, 2);
        value left = compile(form->items[1]), right = compile(form->items[2]);
        return result("call i64 @lisp.%s(i64 %s, i64 %s)", *name == '/' ? "divide" : "remainder", left.text, right.text);
    }
    if (is_form(form, "if")) return compile_if(form);
    if (is_form(form, "while")) return compile_while(form);
    if (is_form(form, "let")) return compile_let(form);
    if (is_form(form, "begin")) return sequence(form->items + 1, form->count - 1);
    if (is_form(form, "print")) return compile_print(form);
    if (is_form(form, "spawn")) return compile_spawn(form);
    if (is_form(form, "select")) return compile_select(form);
    if (is_form(form, "each")) return expect(form, 1, SIZE_MAX), compile_each(form);
    if (is_form(form, "send")) return expect(form, 2, 2), compile_send(form);
    if (is_form(form, "receive")) return expect(form, 1, 1), compile_receive(form);
    if (is_form(form, "set!")) {
        expect(form, 2, 2);
        value stored = compile(form->items[2]);
        emit("store i64 %s, ptr %%v%d", stored.text, find_variable(name_of(form->items[1], "a variable")));
        return stored;
    }
    if (is_form(form, "channel")) {
        expect(form, 1, 1);
        value capacity = compile(form->items[1]), channel = frame("i64");
        must(result("call i32 @strand_chan_new(i64 8, i64 %s, ptr %s)", capacity.text, channel.text), "channel");
        return result("load i64, ptr %s", channel.text);
    }
    if (is_form(form, "close")) return expect(form, 1, 1), must(result("call i32 @strand_chan_close(i64 %s)", compile(form->items[1]).text), "close"), integer(0);
    if (is_form(form, "join")) return expect(form, 1, 1), must(result("call i32 @strand_join(i64 %s, i64 -1)", compile(form->items[1]).text), "join"), integer(0);
    if (is_form(form, "sleep")) return expect(form, 1, 1), must(result("call i32 @strand_sleep(i64 %s)", milliseconds(form->items[1]).text), "sleep"), integer(0);
    if (is_form(form, "yield")) return expect(form, 0, 0), must(result("call i32 @strand_yield()"), "yield"), integer(0);
    if (is_form(form, "now")) return expect(form, 0, 0), result("sdiv i64 %s, 1000000", result("call i64 @strand_now()").text);
    return compile_call(form);
}

static value compile(node *form) {
    switch (form->kind) {
    case INTEGER: return integer(form->integer);
    case NAME: return result("load i64, ptr %%v%d", find_variable(form));
    case TEXT: error(form->line, "a text can only be printed");
    case LIST: break;
    }
    if (form->count == 0 || form->items[0]->kind != NAME) error(form->line, "a form begins with a name");
    return compile_list(form);
}

// ---------------------------------------------------------------------------------------------- programs

// RULE 4: what is defined is nounwind and probes its stack; entries of strands have the C calling convention, ptr (ptr).
#define ATTRIBUTES "nounwind \"probe-stack\"=\"inline-asm\""

static void define(node *form) {
    node *signature = form->items[1];
    const char *name = signature->items[0]->text;
    char *head_text, *body_text;
    size_t head_size, body_size;
    head = need(open_memstream(&head_text, &head_size));
    body = need(open_memstream(&body_text, &body_size));
    next_number = 0;
    variable_count = 0;
    for (size_t i = 1; i < signature->count; i++) bind(signature->items[i], operand("%%a%zu", i));
    value last = sequence(form->items + 2, form->count - 2);
    emit("ret i64 %s", last.text);
    fclose(head);
    fclose(body);
    printf("\ndefine internal i64 @\"lisp.%s\"(", name);
    for (size_t i = 1; i < signature->count; i++) printf("%si64 %%a%zu", i > 1 ? ", " : "", i);
    printf(") " ATTRIBUTES " {\n%s%s}\n", head_text, body_text);
    printf("\ndefine internal ptr @\"lisp.%s.entry\"(ptr %%arguments) " ATTRIBUTES " {\n", name);
    for (size_t i = 1; i < signature->count; i++)
        printf("  %%p%zu = getelementptr i64, ptr %%arguments, i64 %zu\n  %%a%zu = load i64, ptr %%p%zu\n", i, i - 1, i, i);
    printf("  call i64 @\"lisp.%s\"(", name);
    for (size_t i = 1; i < signature->count; i++) printf("%si64 %%a%zu", i > 1 ? ", " : "", i);
    puts(")\n  ret ptr null\n}");
    free(head_text);
    free(body_text);
}

static void declare_function(node *form) {
    if (!is_form(form, "define") || form->count < 3 || form->items[1]->kind != LIST || form->items[1]->count == 0)
        error(form->line, "a program consists of (define (name argument...) form...)");
    node *name = name_of(form->items[1]->items[0], "a function");
    for (size_t i = 0; i < function_count; i++)
        if (strcmp(functions[i].name, name->text) == 0) error(name->line, "%s is defined twice", name->text);
    if (function_count == FUNCTIONS_MAX) error(name->line, "more than %d functions", FUNCTIONS_MAX);
    functions[function_count++] = (function){name->text, form->items[1]->count - 1};
}

// What every program has: statuses that become faults, divisions that do not trap, and main.
static const char *const prelude =
    "; Compiled by lispc. The declares of strand.ll come before this.\n"
    "declare i32 @printf(ptr, ...)\n"
    "declare i32 @fprintf(ptr, ptr, ...)\n"
    "declare i64 @strlen(ptr)\n"
    "declare i32 @snprintf(ptr, i64, ptr, ...)\n"
    "@stderr = external global ptr\n"
    "@lisp.says = private constant [7 x i8] c\"%s: %s\\00\"\n"
    "@lisp.line = private constant [4 x i8] c\"%s\\0A\\00\"\n"
    "@lisp.zero = private constant [17 x i8] c\"division by zero\\00\"\n"
    "\n"
    "; OK goes on; anything else ends the strand with a fault that says which form failed and why.\n"
    "define internal void @lisp.must(i32 %status, ptr %what) noinline " ATTRIBUTES " {\n"
    "  %ok = icmp eq i32 %status, 0\n"
    "  br i1 %ok, label %on, label %fault\n"
    "fault:\n"
    "  %why = alloca [256 x i8]\n"
    "  %text = alloca [320 x i8]\n"
    "  call i64 @strand_last_error(ptr %why, i64 256)\n"
    "  call i32 (ptr, i64, ptr, ...) @snprintf(ptr %text, i64 320, ptr @lisp.says, ptr %what, ptr %why)\n"
    "  %length = call i64 @strlen(ptr %text)\n"
    "  call void @strand_fail(i32 %status, ptr %text, i64 %length)\n"
    "  unreachable\n"
    "on:\n"
    "  ret void\n"
    "}\n"
    "\n"
    "define internal void @lisp.nonzero(i64 %by) " ATTRIBUTES " {\n"
    "  %zero = icmp eq i64 %by, 0\n"
    "  br i1 %zero, label %fault, label %on\n"
    "fault:\n"
    "  call void @strand_fail(i32 -1, ptr @lisp.zero, i64 16)\n"
    "  unreachable\n"
    "on:\n"
    "  ret void\n"
    "}\n"
    "\n"
    "; The lowest integer by -1 wraps around instead of trapping.\n"
    "define internal i64 @lisp.divide(i64 %a, i64 %by) " ATTRIBUTES " {\n"
    "  call void @lisp.nonzero(i64 %by)\n"
    "  %minus = icmp eq i64 %by, -1\n"
    "  %safe = select i1 %minus, i64 1, i64 %by\n"
    "  %quotient = sdiv i64 %a, %safe\n"
    "  %negated = sub i64 0, %a\n"
    "  %result = select i1 %minus, i64 %negated, i64 %quotient\n"
    "  ret i64 %result\n"
    "}\n"
    "\n"
    "define internal i64 @lisp.remainder(i64 %a, i64 %by) " ATTRIBUTES " {\n"
    "  call void @lisp.nonzero(i64 %by)\n"
    "  %minus = icmp eq i64 %by, -1\n"
    "  %safe = select i1 %minus, i64 1, i64 %by\n"
    "  %result = srem i64 %a, %safe\n"
    "  ret i64 %result\n"
    "}\n"
    "\n"
    "; 0 when every strand has ended well; 1 with a line on standard error after a fault or a deadlock.\n"
    "define i32 @main() " ATTRIBUTES " {\n"
    "  %why = alloca [4096 x i8]\n"
    "  %up = call i32 @strand_scheduler_init(ptr null)\n"
    "  %is_up = icmp eq i32 %up, 0\n"
    "  br i1 %is_up, label %spawn, label %bad\n"
    "spawn:\n"
    "  %spawned = call i32 @strand_spawn(ptr @\"lisp.main.entry\", ptr null, ptr null)\n"
    "  %is_spawned = icmp eq i32 %spawned, 0\n"
    "  br i1 %is_spawned, label %run, label %bad\n"
    "run:\n"
    "  %ran = call i32 @strand_scheduler_run()\n"
    "  %well = icmp eq i32 %ran, 0\n"
    "  br i1 %well, label %done, label %bad\n"
    "bad:\n"
    "  call i64 @strand_last_error(ptr %why, i64 4096)\n"
    "  %err = load ptr, ptr @stderr\n"
    "  call i32 (ptr, ptr, ...) @fprintf(ptr %err, ptr @lisp.line, ptr %why)\n"
    "  br label %done\n"
    "done:\n"
    "  %status = phi i32 [ 0, %run ], [ 1, %bad ]\n"
    "  call i32 @strand_scheduler_shutdown(i64 -1)\n"
    "  ret i32 %status\n"
    "}\n";

static char *read_file(const char *name) {
    FILE *in = fopen(name, "r");
    if (in == NULL) {
        perror(name);
        exit(1);
    }
    char *text = NULL;
    size_t size = 0;
    ssize_t length = getdelim(&text, &size, 0, in);
    fclose(in);
    return length < 0 ? need(calloc(1, 1)) : text;
}

int main(int count, char **arguments) {
    if (count != 2) {
        fputs("usage: lispc FILE.lisp > FILE.ll\n", stderr);
        return 2;
    }
    file_name = arguments[1];
    at = read_file(file_name);
    node *program = new_node(LIST);
    for (skip_blanks(); *at; skip_blanks()) {
        program->items = need(realloc(program->items, (program->count + 1) * sizeof *program->items));
        program->items[program->count++] = read_node();
        declare_function(program->items[program->count - 1]);
    }
    size_t mains = 0;
    for (size_t i = 0; i < function_count; i++) mains += strcmp(functions[i].name, "main") == 0 && functions[i].arguments == 0;
    if (mains != 1) error(line, "there is no (define (main) ...)");
    char *constants_text;
    size_t constants_size;
    constants = need(open_memstream(&constants_text, &constants_size));
    fputs(prelude, stdout);
    for (size_t i = 0; i < program->count; i++) define(program->items[i]);
    fclose(constants);
    printf("\n%s", constants_text);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
