# SPDX-License-Identifier: MIT OR Apache-2.0
# Sourced after lib.sh: many jobs at once, with what they print in the order in which they were given.
#   plain   JOBS of them at once
#   waits   sleeps most of its time, so JOBS of these run beside the plain ones; they begin first and are shown after the plain ones
#   alone   nothing else runs meanwhile; these come last, one after the other
# shellcheck shell=bash

plain_jobs=() waits_jobs=() alone_jobs=()
# job KIND FUNCTION ARGUMENTS...: to be run by run_jobs, in a shell of its own. What it counts in PASSED, FAILED, SKIPPED and NOTED is added
# up. No argument may contain '|'.
job() {
    local kind=$1 line
    shift
    line=$(IFS='|' && printf '%s' "$*")
    case $kind in
        plain) plain_jobs+=("$line") ;;
        waits) waits_jobs+=("$line") ;;
        alone) alone_jobs+=("$line") ;;
        *) die "'$kind' is no kind of job" ;;
    esac
}

NOTED=0
# one_job FOLDER NUMBER FUNCTION ARGUMENTS...
one_job() {
    local folder=$1 number=$2
    shift 2
    PASSED=0 FAILED=0 SKIPPED=0 NOTED=0
    "$@" >"$folder/$number.log" 2>&1
    say "$PASSED $FAILED $SKIPPED $NOTED" >"$folder/$number.part" && mv "$folder/$number.part" "$folder/$number.counts"
    echo >"$folder/ended"
}

# command_here COMMAND...: a command of a job. An interrupted run ends it too: bash does not act on a signal while it waits for a command
# in the foreground, and timeout is in a group of its own, which a terminal's ^C does not reach.
command_here() {
    local status=0 child
    "$@" &
    child=$!
    trap 'kill -TERM "$child" 2>/dev/null; exit 143' INT TERM
    wait "$child" || status=$?
    trap - INT TERM
    return "$status"
}

end_jobs() {    # SIGNAL: what runs is ended, and this script dies by the signal, so that its callers know
    local pids
    trap - INT TERM
    pids=$(jobs -p)
    # shellcheck disable=SC2086
    [ -z "$pids" ] || kill -TERM $pids 2>/dev/null || true
    wait 2>/dev/null || true
    kill -"$1" $$
}

# run_jobs FOLDER
run_jobs() {
    local folder=$1 tokens live pid number kind progress total shown=0 next_plain=0 next_waits=0 next_alone=0
    local passed failed skipped noted
    local -A kind_of=() number_of=() running
    rm -rf "$folder"
    mkdir -p "$folder"
    mkfifo "$folder/ended"
    exec {tokens}<>"$folder/ended"
    trap 'end_jobs INT' INT
    trap 'end_jobs TERM' TERM
    total=$((${#plain_jobs[@]} + ${#waits_jobs[@]} + ${#alone_jobs[@]}))
    begin() {    # KIND NUMBER LINE
        local words
        IFS='|' read -r -a words <<<"$3"
        one_job "$folder" "$2" "${words[@]}" {tokens}>&- &
        kind_of[$!]=$1 number_of[$!]=$2 running[$1]=$((running[$1] + 1))
    }
    while [ "$shown" -lt "$total" ]; do
        progress=0
        live=" $(jobs -rp | tr '\n' ' ')"
        running=([plain]=0 [waits]=0 [alone]=0)
        for pid in "${!kind_of[@]}"; do
            number=${number_of[$pid]} kind=${kind_of[$pid]}
            if [ ! -f "$folder/$number.counts" ]; then
                case $live in *" $pid "*) running[$kind]=$((running[$kind] + 1)) && continue ;; esac
                if [ ! -f "$folder/$number.counts" ]; then
                    say "FAIL ${folder##*/}: job $number did not come to its end" >>"$folder/$number.log"
                    say "0 1 0 0" >"$folder/$number.counts"
                fi
            fi
            unset "kind_of[$pid]" "number_of[$pid]"
            progress=1
        done
        while [ "${running[waits]}" -lt "$JOBS" ] && [ "$next_waits" -lt "${#waits_jobs[@]}" ]; do
            begin waits $((${#plain_jobs[@]} + next_waits)) "${waits_jobs[$next_waits]}"
            next_waits=$((next_waits + 1))
        done
        while [ "${running[plain]}" -lt "$JOBS" ] && [ "$next_plain" -lt "${#plain_jobs[@]}" ]; do
            begin plain "$next_plain" "${plain_jobs[$next_plain]}"
            next_plain=$((next_plain + 1))
        done
        if [ "${#kind_of[@]}" = 0 ] && [ "$next_alone" -lt "${#alone_jobs[@]}" ]; then
            begin alone $((${#plain_jobs[@]} + ${#waits_jobs[@]} + next_alone)) "${alone_jobs[$next_alone]}"
            next_alone=$((next_alone + 1))
        fi
        while [ -f "$folder/$shown.counts" ]; do
            cat "$folder/$shown.log"
            read -r passed failed skipped noted <"$folder/$shown.counts"
            PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed)) SKIPPED=$((SKIPPED + skipped)) NOTED=$((NOTED + noted))
            shown=$((shown + 1))
        done
        # The time is for a job that was killed and could say nothing.
        [ "$progress" = 1 ] || [ "$shown" = "$total" ] || read -r -t 2 -u "$tokens" _ || true
    done
    wait    # the last ones still say that they have ended: who said it to nobody would hang
    exec {tokens}>&-
    trap - INT TERM
    rm -rf "$folder"
    plain_jobs=() waits_jobs=() alone_jobs=()
}
