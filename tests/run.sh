#!/usr/bin/env bash
# Builds and runs the tests of deepc, several at a time, and ends with `N passed, N failed`.
#
#     tests/run.sh                  everything (`make test`)
#     tests/run.sh tidy bits        these jobs only: the functions job_... below
#     tests/run.sh exhaustive       what takes hours (`make test-exhaustive`)
#     tests/run.sh bits-table       the job bits, and its results as a table (`make bits`)
#
# A job's output goes to build/test/log/JOB; what failed is repeated at the end. Test programs say themselves
# how many tests passed (check.h); everything else is a `try`, one test each.

cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C PYTHONDONTWRITEBYTECODE=1
ROOT=$PWD
OUT=$ROOT/build/test
CORES=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
WARN="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror"
SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
export ASAN_OPTIONS=detect_stack_use_after_return=0:allocator_may_return_null=1

# --- what is needed ----------------------------------------------------------------------------------------

has() { command -v "$1" >/dev/null 2>&1; }

links() # COMPILER FLAG...: does it compile, link and run?
{
    printf 'int main(void) { return 0; }\n' > "$OUT/try.c" &&
    "$@" "$OUT/try.c" -o "$OUT/try" >/dev/null 2>&1 && "$OUT/try" >/dev/null 2>&1
}

finds() { printf '#include <%s>\n' "$1" | ${CC:-cc} -E -x c - >/dev/null 2>&1; }

finds_stb() { finds stb/stb_image.h || finds stb_image.h; }

missing() # Debian's names of what the tests would like to have and do not find
{
    has gcc || echo gcc
    has g++ || echo g++
    has clang || echo clang
    if has clang && ! links clang $SANITIZE; then echo libclang-rt-dev; fi
    has python3 || echo python3
    has valgrind || echo valgrind
    has pkg-config || echo pkg-config
    has cmake || echo cmake
    has xmllint || echo libxml2-utils
    finds_stb || echo libstb-dev
    has qemu-aarch64 || echo qemu-user
    has aarch64-linux-gnu-gcc || echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    has pandoc || echo pandoc
}

install_missing()
{
    local wanted
    wanted=$(missing "$1" | tr '\n' ' ')
    [ -z "$wanted" ] && return
    if [ "$(id -u)" = 0 ] && has apt-get; then
        echo "installing: $wanted"
        { apt-get install -y --no-install-recommends $wanted ||
          { apt-get update && apt-get install -y --no-install-recommends $wanted; } ||
          for package in $wanted; do apt-get install -y --no-install-recommends "$package"; done
        } > "$OUT/log/install" 2>&1
        wanted=$(missing "$1" | tr '\n' ' ')
    fi
    [ -n "$wanted" ] && echo "not found; what needs it is skipped: apt-get install $wanted"
}

# --- counting ----------------------------------------------------------------------------------------------

count() { echo "$1 $2" >> "$OUT/count/$JOB"; }
skip()  { echo "skipped: $*"; }

try() # WHAT COMMAND...: one test
{
    local what=$1
    shift
    if "$@"; then echo "ok: $what"; count 1 0
    else echo "FAILED: $what"; count 0 1; return 1; fi
}

refuses() # WHAT TEXT COMMAND...: one test that passes when the command fails and says TEXT
{
    local what=$1 text=$2 said
    shift 2
    if ! said=$("$@" 2>&1) && [[ $said = *$text* ]]; then echo "ok: $what"; count 1 0
    else echo "$said" | head -n 5; echo "FAILED: $what"; count 0 1; fi
}

suite() # WHAT PROGRAM...: a test program, which counts for itself
{
    local what=$1 last status
    shift
    timeout 1200 "$@" > "$OUT/log/$JOB.output" 2>&1
    status=$?
    last=$(tail -n 1 "$OUT/log/$JOB.output")
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        count "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
        [ "${BASH_REMATCH[2]}" = 0 ] || grep -A 3 -E 'failed:|FAILED' "$OUT/log/$JOB.output"
        echo "$what: $last"
        [ $status = 0 ] || [ "${BASH_REMATCH[2]}" != 0 ] || try "$what: leaves cleanly" false
    else
        tail -n 40 "$OUT/log/$JOB.output"
        try "$what: runs to its end" false
    fi
    [ $status = 0 ] || [ "${BASH_REMATCH[2]:-0}" != 0 ] || tail -n 40 "$OUT/log/$JOB.output"
}

run_job()
{
    JOB=$1
    local started=$SECONDS
    : > "$OUT/count/$JOB"
    export DEEPC_TEST_FOLDER=$OUT/files/$JOB
    rm -rf "$DEEPC_TEST_FOLDER" && mkdir -p "$DEEPC_TEST_FOLDER"
    "job_$JOB" > "$OUT/log/$JOB" 2>&1 < /dev/null
    rm -rf "$DEEPC_TEST_FOLDER"
    awk -v job="$JOB" -v time=$((SECONDS - started)) '
        { p += $1; f += $2 }
        END { printf "%-18s %5d passed %4d failed %5d s\n", job, p, f, time }' "$OUT/count/$JOB"
}

run_jobs()
{
    local job
    for job; do
        while [ "$(jobs -rp | wc -l)" -ge "$CORES" ]; do wait -n; done
        run_job "$job" &
    done
    wait
    grep -H -B 8 -A 3 -E 'FAILED|failed: ' $(printf "$OUT/log/%s " "$@") | sed "s,^$OUT/log/,," | head -n 200
    grep -h -E '^(skipped|coverage):' $(printf "$OUT/log/%s " "$@")
    cat $(printf "$OUT/count/%s " "$@") | awk '
        { p += $1; f += $2 }
        END { printf "%d passed, %d failed\n", p, f; exit f || !p }'
}

# --- the test programs -------------------------------------------------------------------------------------

# All tests of one precision are one program, so that deepc.h is compiled once for all of them.
together() # float|double: writes the program that includes them
{
    local precision=$1 file
    echo '#define DEEPC_IMPLEMENTATION'
    echo '#include "deepc.h"'
    for file in tests/test_*.c; do
        case $(sed -n '1,20s,.*built: \([a-z ]*\).*,\1,p' "$file") in
            *alone*) ;;
            *$precision*) echo "#include \"$file\"" ;;
            '') [ "$precision" = float ] && echo "#include \"$file\"" ;;
        esac
    done
}

alone() { grep -l 'built:.*alone' tests/test_*.c; }

programs() # DIRECTORY COMPILER FLAG...: builds the programs; prints their names
{
    local folder=$1 precision file name
    shift
    mkdir -p "$folder"
    for precision in ${PRECISIONS:-float double}; do
        together $precision > "$folder/all_$precision.c"
        [ "$(wc -l < "$folder/all_$precision.c")" -gt 2 ] || continue
        programs_one all_$precision "$folder" "$folder/all_$precision.c" "$@" \
            $([ $precision = double ] && echo -DDEEPC_DOUBLE)
    done
    [[ ${PRECISIONS:-float} = *float* ]] || return
    for file in $(alone); do
        name=$(basename "$file" .c)
        programs_one "$name" "$folder" "$file" "$@"
    done
}

programs_one() # NAME DIRECTORY SOURCE COMPILER FLAG...
{
    local name=$1 folder=$2 source=$3
    shift 3
    rm -f "$folder/$name"
    if "$@" -I. -Itests -c "$source" -o "$folder/$name.o" &&
       "$@" "$folder/$name.o" -o "$folder/$name" -lm; then
        suite "$name, $*" "$folder/$name"
    else
        try "$name builds with $*" false
    fi
}

job_tests_float()  { PRECISIONS=float  programs "$OUT/plain"  ${GCC:-gcc} -O2 -Wall -Wextra -Werror; }
job_tests_double() { PRECISIONS=double programs "$OUT/double" ${GCC:-gcc} -O2 -Wall -Wextra -Werror; }

sanitizer()
{
    if links clang $SANITIZE; then echo clang
    elif links gcc $SANITIZE; then echo gcc; fi
}

job_sanitize_float()
{
    local compiler
    compiler=$(sanitizer)
    [ -n "$compiler" ] || { skip "sanitizers: no compiler has them"; return; }
    PRECISIONS=float programs "$OUT/sanitize_float" $compiler -g -O1 $SANITIZE
}

job_sanitize_double()
{
    local compiler
    compiler=$(sanitizer)
    [ -n "$compiler" ] || { skip "sanitizers: no compiler has them"; return; }
    PRECISIONS=double programs "$OUT/sanitize_double" $compiler -g -O1 $SANITIZE
}

# Every line of deepc.h that this processor can run, under every device it has.
job_coverage()
{
    local folder=$OUT/coverage device program percent
    has gcov && has gcc || { skip "coverage: no gcc with gcov"; return; }
    rm -rf "$folder"
    programs "$folder" gcc -O0 --coverage > "$OUT/log/coverage.build" 2>&1
    : > "$OUT/count/$JOB"                            # The same tests count elsewhere.
    for device in reference avx2; do
        for program in "$folder"/all_float; do
            DEEPC_DEVICE=$device timeout 1200 "$program" > /dev/null 2>&1
        done
    done
    for program in "$folder"/*.gcda; do
        gcov -t -o "$folder" "${program%.gcda}.o" 2>/dev/null
    done | awk -F: '
        $2 + 0 == 0 && $3 == "Source" { wanted = $4 ~ /(^|\/)deepc\.h$/ }
        !wanted || $2 + 0 == 0 { next }
        { line = $2 + 0; text[line] = substr($0, length($1 $2) + 3); if (line > last) last = line }
        $1 ~ /[0-9]/ { count[line] += $1; runs[line] = 1 }
        $1 ~ /#/ { runs[line] = 1 }
        END {
            for (i = 1; i <= last; i++) {
                mark = !(i in runs) ? "-" : count[i] ? count[i] : "######"
                printf "%12s %6d %s\n", mark, i, text[i]
                if (i in runs) { all++; if (count[i]) hit++ }
            }
            printf "coverage: %.2f %% of %d lines of deepc.h\n", all ? 100 * hit / all : 0, all
        }' > "$OUT/coverage.txt"
    tail -n 1 "$OUT/coverage.txt"
    percent=$(tail -n 1 "$OUT/coverage.txt" | awk '{ print $2 }')
    echo "lines that no test runs: grep -n '######' build/test/coverage.txt"
    try "line coverage is at least 95 %" awk "BEGIN { exit !($percent >= 95) }"
}

job_leak()
{
    has valgrind || { skip "leaks: no valgrind"; return; }
    try "tests/leak.c builds" gcc -g -O1 -I. tests/leak.c -o "$OUT/leak" -lm || return
    try "valgrind: no error and no leak after dc_free" \
        valgrind -q --leak-check=full --show-leak-kinds=all --errors-for-leak-kinds=all --error-exitcode=9 \
        "$OUT/leak" "$DEEPC_TEST_FOLDER"
}

# --- deepc.h under every compiler and switch ---------------------------------------------------------------

only_symbols() # OBJECT: defines no symbol but dc_...
{
    local others
    others=$(nm --defined-only -g "$1" | awk '$3 !~ /^dc_/ { print $3 }')
    [ -z "$others" ] || { echo "symbols that are not dc_...:" $others; return 1; }
}

# deepc.h defines no macro but DC_..., DEEPC_... and dc_..., besides those of the headers that it includes.
only_macros() # COMPILER FLAG...
{
    local others
    grep -h -o '^#include <.*>' deepc.h | sort -u > "$DEEPC_TEST_FOLDER/base.h"
    echo '#include "deepc.h"' > "$DEEPC_TEST_FOLDER/with.h"
    others=$(
        { while read -r line; do
              file=${line#*<}
              finds "${file%>}" && echo "$line"
          done < "$DEEPC_TEST_FOLDER/base.h" | "$@" -I. -dM -E -x c - | sed 's/^/- /'
          "$@" -I. -dM -E -x c "$DEEPC_TEST_FOLDER/with.h" | sed 's/^/+ /'; } |
        awk '{ name = $3; sub(/\(.*/, "", name) }
             $1 == "-" { known[name] = 1; next }
             !(name in known) && name !~ /^(__|DC_|DEEPC_|dc_)/ { print name }')
    [ -z "$others" ] || { echo "macros that are not DC_...:" $others; return 1; }
}

source_of() # NAME LINE...: a source file of these lines
{
    local name=$DEEPC_TEST_FOLDER/$1
    shift
    printf '%s\n' "$@" > "$name"
    echo "$name"
}

job_compilers()
{
    local compiler switch object=$DEEPC_TEST_FOLDER/deepc.o source
    local define='#define DEEPC_IMPLEMENTATION' include='#include "deepc.h"'
    for compiler in gcc clang; do
        has $compiler || { skip "$compiler: not found"; continue; }
        source=$(source_of plain.c "$define" "$include")
        for switch in -O2 "-O2 -DDEEPC_DOUBLE" -DDEEPC_NO_STB -DDEEPC_NO_FAST -DDEEPC_NO_THREADS; do
            try "$compiler -std=c11 $switch: no warning" \
                $compiler -std=c11 $switch $WARN -I. -c "$source" -o "$object" || continue
            try "$compiler $switch: only dc_... symbols" only_symbols "$object"
        done
        try "$compiler: only DC_... macros" only_macros $compiler
        try "$compiler: only DC_... macros with the implementation" \
            only_macros $compiler -DDEEPC_IMPLEMENTATION -DDEEPC_NO_STB
        source=$(source_of static.c '#define DC_API static' "$define" "$include" \
                           'int main(void) { dc_free(dc_new(1)); return 0; }')
        try "$compiler: DC_API static" $compiler -std=c11 $WARN -Wno-unused-function -I. -c "$source" \
            -o "$object"
        try "$compiler: DC_API static defines nothing but main" \
            [ "$(nm --defined-only -g "$object" | awk '{ print $3 }')" = main ]
        source=$(source_of twice.c "$include" "$define" "$include" "$include" \
                           'int main(void) { dc_free(dc_new(1)); return 0; }')
        try "$compiler: declarations first, then the implementation" \
            $compiler -std=c11 $WARN -I. "$source" -o "$DEEPC_TEST_FOLDER/twice" -lm
        if finds stb/stb_image.h; then
            source=$(source_of stb.c '#define STB_IMAGE_IMPLEMENTATION' '#include <stb/stb_image.h>' \
                               '#define STB_IMAGE_WRITE_IMPLEMENTATION' '#include <stb/stb_image_write.h>' \
                               "$define" "$include" 'int main(void) { dc_free(dc_new(1)); return 0; }')
            try "$compiler: after the program's own stb_image.h" \
                $compiler -std=c11 -I. "$source" -o "$DEEPC_TEST_FOLDER/stb" -lm
        fi
        source=$(source_of fast_math.c "$define" "$include")
        refuses "$compiler: -ffast-math is refused" "do not compile with -ffast-math" \
            $compiler -ffast-math -I. -c "$source" -o "$object"
    done
}

job_cxx()
{
    local compiler standard c
    for compiler in g++ clang++; do
        has $compiler || { skip "$compiler: not found"; continue; }
        c=gcc; [ $compiler = clang++ ] && c=clang
        try "$c: the implementation for C++" $c -O1 -I. -c tests/cxx_deepc.c -o "$DEEPC_TEST_FOLDER/deepc.o"
        try "$c: a second C file" $c -O1 -I. -c tests/cxx_second.c -o "$DEEPC_TEST_FOLDER/second.o"
        for standard in 11 14 17 20; do
            try "$compiler -std=c++$standard: main in C++" \
                $compiler -std=c++$standard -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I. \
                tests/cxx_main.cpp "$DEEPC_TEST_FOLDER/deepc.o" "$DEEPC_TEST_FOLDER/second.o" \
                -o "$DEEPC_TEST_FOLDER/cxx" -lm || continue
            try "$compiler -std=c++$standard: runs" "$DEEPC_TEST_FOLDER/cxx"
        done
        refuses "$compiler: the implementation in C++ is refused" "in a .c file" \
            $compiler -DDEEPC_IMPLEMENTATION -I. -c tests/cxx_main.cpp -o "$DEEPC_TEST_FOLDER/refused.o"
    done
}

# The pool of threads under ThreadSanitizer, which reports what two threads touch without an order.
job_threads()
{
    links gcc -fsanitize=thread || { skip "threads: no ThreadSanitizer"; return; }
    mkdir -p "$OUT/threads"
    programs_one test_threads "$OUT/threads" tests/test_threads.c gcc -g -O1 -fsanitize=thread
}

# --- the same bits -----------------------------------------------------------------------------------------

same_bits() # WHAT COMMAND...: prints what the first one printed
{
    shift
    "$@" > "$DEEPC_TEST_FOLDER/bits.now" || return 1
    [ -s "$DEEPC_TEST_FOLDER/bits.first" ] || cp "$DEEPC_TEST_FOLDER/bits.now" "$DEEPC_TEST_FOLDER/bits.first"
    diff "$DEEPC_TEST_FOLDER/bits.first" "$DEEPC_TEST_FOLDER/bits.now"
}

version() { $1 -dumpfullversion 2>/dev/null || $1 -dumpversion; }

devices() # of this processor
{
    echo reference
    grep -q '^flags.* avx2' /proc/cpuinfo 2>/dev/null && echo avx2
    grep -q '^flags.* avx512f' /proc/cpuinfo 2>/dev/null && echo avx512
}

# Runs a program on each device with 1, 2 and 3 threads, and notes what came out for the table of `make bits`.
bits_of() # COMPILER PROGRAM DEVICE... [-- RUNNER...]
{
    local compiler=$1 program=$2 device threads devices=() counts="1 2 3" status
    [[ $compiler = *-O0 ]] && counts=2                    # It takes long.
    shift 2
    while [ $# -gt 0 ] && [ "$1" != -- ]; do devices+=("$1"); shift; done
    [ $# = 0 ] || shift
    for device in "${devices[@]}"; do
        for threads in $counts; do
            DEEPC_DEVICE=$device DEEPC_THREADS=$threads \
                try "same bits: $compiler, $device, $threads threads" same_bits "$compiler" "$@" "$program"
            status=$?
            printf '%s\t%s\t%d\t%s\n' "$compiler" "$device" $threads \
                "$([ $status = 0 ] && sed -n 's/^all //p' "$DEEPC_TEST_FOLDER/bits.now")" >> "$OUT/bits.tsv"
        done
    done
}

# The results of job_bits as the README shows them; a difference would stand there in words.
bits_table()
{
    awk -F '\t' '
        BEGIN { column["reference"] = 1; column["avx2"] = 2; column["avx512"] = 3; column["neon"] = 4
                print "| compiler | plain loops | AVX2 | AVX-512 | NEON |"
                print "|---|---|---|---|---|" }
        !($1 in row) { row[$1] = ++rows; name[rows] = $1 }
        { i = row[$1] SUBSEP column[$2]
          if (first == "") first = $4
          threads[i] = threads[i] (threads[i] == "" ? "" : ", ") $3
          if ($4 != first) differs[i] = 1 }
        END { for (r = 1; r <= rows; r++) {
                  line = "| " name[r] " |"
                  for (c = 1; c <= 4; c++) {
                      i = r SUBSEP c
                      line = line " " (i in differs ? "DIFFERS" : i in threads ? "same, threads " threads[i] : "-") " |"
                  }
                  print line
              }
              print "\nEverywhere `" first "`, a hash of all that `tests/bits.c` computes." }' "$OUT/bits.tsv"
}

job_bits()
{
    local compiler flags program=$DEEPC_TEST_FOLDER/bits arm=aarch64-linux-gnu
    : > "$OUT/bits.tsv"
    for compiler in gcc clang; do
        has $compiler || { skip "bits: no $compiler"; continue; }
        for flags in -O0 -O2 -O3 "-O2 -std=c11 -march=native"; do
            try "bits.c builds with $compiler $flags" \
                $compiler $flags -I. tests/bits.c -o "$program" -lm || continue
            bits_of "$compiler $(version $compiler) $flags" "$program" $(devices)
        done
        try "same bits a second time" same_bits again "$program"
    done
    if has $arm-gcc && has qemu-aarch64; then
        try "bits.c builds for AArch64" $arm-gcc -O2 -static -DDEEPC_NO_STB -I. tests/bits.c -o "$program" -lm &&
            bits_of "$arm-gcc $(version $arm-gcc) -O2, emulated" "$program" reference neon -- qemu-aarch64
    else skip "bits on AArch64: apt-get install gcc-$arm qemu-user"; fi
    cat "$DEEPC_TEST_FOLDER/bits.first"
}

# --- the text of the header, the README, the examples ------------------------------------------------------

job_tidy()
{
    has python3 || { skip "tidy: no python3"; return; }
    suite "tidy" python3 tests/tidy
}

cheatsheet_is_current()
{
    python3 tests/cheatsheet deepc.h > "$ROOT/build/cheatsheet.md" &&
    diff "$ROOT/build/cheatsheet.md" examples/CHEATSHEET.md
}

job_readme()
{
    local folder=$DEEPC_TEST_FOLDER source compiler
    has python3 || { skip "README: no python3"; return; }
    try "examples/CHEATSHEET.md is what make cheatsheet writes" cheatsheet_is_current
    try "every C block of README.md and deepc.h can be taken out" \
        python3 tests/code_blocks "$folder" README.md deepc.h
    data_folder "$folder"
    for compiler in gcc clang; do
        has $compiler || continue
        try "the title page's program builds with $compiler -O2 alone" \
            $compiler -O2 -Wall -Wextra -Werror -I. "$folder/deepc.h.title_page.c" -o "$folder/title_page" -lm &&
            try "the title page's program runs" in_folder "$folder" ./title_page
    done
    try "the implementation for the README builds" compiled_copy
    for source in "$folder"/README.md.*.c; do
        try "$(basename "$source") builds as it stands" with_copy "$source" "$folder/program" &&
            try "$(basename "$source") runs" in_folder "$folder" ./program
    done
}

in_folder() # FOLDER COMMAND...
{
    (cd "$1" && shift && timeout 300 "$@")
}

data_folder() # FOLDER: where examples/ lies as a program expects it, readable without stb_image too
{
    mkdir -p "$1/examples/data"
    ln -sfn "$ROOT/examples/data"/* "$1/examples/data/"
    ln -sfn "$ROOT/examples/digits" "$1/examples/digits"
    if ! finds_stb; then
        make -s build/data && ln -sfn "$ROOT/build/data" "$1/examples/data/mnist"
    fi
}

# Holds the RESULT lines of an example to the lines `expected: key >= value` in its head.
as_expected() # SOURCE OUTPUT
{
    awk '
        FNR == NR {
            while (match($0, /expected: *[a-z_0-9]+ *(<=|>=|==|<|>) *[^ ,;*]+/)) {
                n = split(substr($0, RSTART + 9, RLENGTH - 9), word, /[ \t]+/)
                rules++; i = word[1] == "" ? 2 : 1
                key[rules] = word[i]; relation[rules] = word[i + 1]; value[rules] = word[i + 2]
                $0 = substr($0, RSTART + RLENGTH)
            }
            next
        }
        /^RESULT / { split(substr($0, 8), word, "="); result[word[1]] = word[2]; results++ }
        END {
            if (!rules) { print "no line `expected: key >= value`"; exit 1 }
            for (i = 1; i <= rules; i++) {
                k = key[i]; r = relation[i]; v = value[i]
                if (!(k in result)) { print "no line RESULT " k "="; bad = 1; continue }
                x = result[k]
                good = x + 0 < v + 0
                if (r == "==") good = x == v
                if (r == ">=") good = x + 0 >= v + 0
                if (r == "<=") good = x + 0 <= v + 0
                if (r == ">") good = x + 0 > v + 0
                if (x ~ /nan|inf/ && r != "==") good = 0
                if (!good) { print "expected " k " " r " " v ", found " x; bad = 1 }
            }
            exit bad
        }' "$1" "$2"
}

# Programs that bring the implementation along are built here without it, against one compiled copy.
compiled_copy()
{
    printf '#define DEEPC_IMPLEMENTATION\n#include "deepc.h"\n' > "$DEEPC_TEST_FOLDER/copy.c"
    gcc -O2 -I. -c "$DEEPC_TEST_FOLDER/copy.c" -o "$DEEPC_TEST_FOLDER/copy.o" || return 1
    grep -h -E '^#include <(errno|float|math|stdarg|stdio|stdlib|string|time)\.h>' deepc.h \
        > "$DEEPC_TEST_FOLDER/copy.h"
}

with_copy() # SOURCE PROGRAM
{
    gcc -O2 -Wall -Wextra -Werror -DDEEPC_IMPLEMENTED -include "$DEEPC_TEST_FOLDER/copy.h" -I. "$1" \
        "$DEEPC_TEST_FOLDER/copy.o" -o "$2" -lm
}

# In one folder, in the order of their numbers: some read what an earlier one has written into build/.
job_examples()
{
    local source name folder=$DEEPC_TEST_FOLDER
    data_folder "$folder"
    mkdir -p "$folder/build"
    try "the implementation for the examples builds" compiled_copy
    for source in examples/*.c; do
        name=$(basename "$source" .c)
        if grep -q 'needs stb_image.h' "$source" && ! finds_stb; then skip "$name: no stb_image.h"; continue; fi
        try "$name builds" with_copy "$source" "$folder/$name" || continue
        run_example "$name" && try "$name prints what it promises" as_expected "$source" "$folder/$name.output"
    done
    digit_refuses
    try "make mnist works without stb_image.h and prints the same results" mnist_without_stb
    has python3 && python3 tests/code_blocks "$folder" README.md && for source in "$folder"/README.md.output.*; do
        try "the README quotes ${source##*.}" quotes "$source" "$folder/${source##*.}.output"
    done
}

quotes() # TEXT OUTPUT: every line of TEXT is a line of OUTPUT, times aside
{
    sed -E 's, - [0-9.]+[a-z]+ [0-9.]+[a-z]+/step,,' "$2" > "$2.timeless"
    ! grep -v -x -F -f "$2.timeless" "$1"
}

# With the options in its head's line `tested with: OPTIONS`, where the usual run takes minutes.
run_example() # NAME
{
    try "$1 runs" in_folder "$DEEPC_TEST_FOLDER" "./$1" $(sed -n 's,.*tested with: ,,p' "examples/$1.c") \
        > "$DEEPC_TEST_FOLDER/$1.output" 2>&1
    local status=$?
    grep -E '^(ok|FAILED):' "$DEEPC_TEST_FOLDER/$1.output"
    if [ $status = 0 ]; then grep '^RESULT' "$DEEPC_TEST_FOLDER/$1.output"
    else tail -n 5 "$DEEPC_TEST_FOLDER/$1.output"; fi
    return $status
}

digit_refuses() # what is no picture of a digit, each time in one sentence
{
    local folder=$DEEPC_TEST_FOLDER digit="in_folder $DEEPC_TEST_FOLDER ./17_digit"
    [ -x "$folder/17_digit" ] || return
    echo 'no picture' > "$folder/text.png"
    head -c 3000 examples/digits/mnist_7.jpg > "$folder/half.jpg"
    printf '\211PNG\r\n\032\n\0\0\0\015IHDR\0\0\165\060\0\0\165\060\010\0\0\0\0\0\0\0\0' > "$folder/huge.png"
    printf 'P5 8 8 255\n%064d' 0 > "$folder/empty.pgm"
    refuses "17_digit: no file" "nowhere.png: No such file" $digit nowhere.png
    refuses "17_digit: a text" "text.png: no image that can be read" $digit text.png
    refuses "17_digit: a half" "half.jpg: a damaged image" $digit half.jpg
    refuses "17_digit: 30000 x 30000" "huge.png: 30000 x 30000 pixels, and from 1 to 67108864 are read" $digit huge.png
    refuses "17_digit: an empty picture" "empty.pgm: the picture is empty" $digit empty.pgm
}

mnist_without_stb()
{
    make -s mnist BUILD="$OUT/without_stb" CPPFLAGS=-DDEEPC_NO_STB > "$DEEPC_TEST_FOLDER/without_stb" &&
    grep '^RESULT' "$DEEPC_TEST_FOLDER/without_stb" |
        diff - <(grep '^RESULT' "$DEEPC_TEST_FOLDER/05_mnist_dropout.output")
}

# Pages, programs, pictures, exercises and formulas of the tutorials; tests/tutorials counts for itself.
job_tutorials()
{
    has python3 || { skip "tutorials: no python3"; return; }
    suite "tutorials" sh -c 'make -s tutorials 2>&1 | sed "/^make/d"'    # The count is to be the last line.
    grep '^skipped: ' "$OUT/log/$JOB.output"
}

job_seeds()
{
    make -s mnist-seeds
    try "MNIST with seeds 1 to 5" [ $? = 0 ]
}

# --- fuzzing, installation ---------------------------------------------------------------------------------

# tests/fuzz/NAME.c is a program: `NAME SECONDS` feeds mutated files to a reader for so long.
job_fuzz()
{
    local source name compiler
    compiler=$(sanitizer)
    [ -n "$compiler" ] || { skip "fuzzing: no sanitizers"; return; }
    for source in tests/fuzz/*.c; do
        name=$(basename "$source" .c)
        [ -e "$source" ] || { skip "fuzzing: no harness"; return; }
        try "$name builds" $compiler -g -O1 $SANITIZE -I. -Itests "$source" -o "$OUT/$name" -lm ||
            continue
        try "$name: ${FUZZ_SECONDS:-5} s" \
            in_folder "$DEEPC_TEST_FOLDER" "$OUT/$name" "${FUZZ_SECONDS:-5}"
    done
}

with_pkg_config() # PREFIX PROGRAM
{
    export PKG_CONFIG_PATH=$1/lib/pkgconfig
    gcc $(pkg-config --cflags deepc) tests/installed.c -o "$2" $(pkg-config --libs deepc) && "$2"
}

with_cmake() # PREFIX FOLDER
{
    mkdir -p "$2" && cp tests/installed.c "$2" &&
    printf '%s\n' 'cmake_minimum_required(VERSION 3.10)' 'project(installed C)' \
        'find_package(deepc 0.1 REQUIRED)' 'add_executable(installed installed.c)' \
        'target_link_libraries(installed deepc::deepc)' > "$2/CMakeLists.txt" &&
    cmake -S "$2" -B "$2/build" -DCMAKE_PREFIX_PATH="$1" > "$2/log" &&
    cmake --build "$2/build" >> "$2/log" && "$2/build/installed"
}

job_install()
{
    local prefix=$DEEPC_TEST_FOLDER/prefix
    try "make install" make -s install PREFIX="$prefix"
    if has pkg-config; then try "a program built with pkg-config" with_pkg_config "$prefix" "$prefix/program"
    else skip "pkg-config: not found"; fi
    if has cmake; then try "a program built with CMake" with_cmake "$prefix" "$DEEPC_TEST_FOLDER/cmake"
    else skip "CMake: not found"; fi
    try "make uninstall" make -s uninstall PREFIX="$prefix"
    try "make uninstall leaves no file" [ -z "$(find "$prefix" -name '*deepc*')" ]
}

# --- what takes long ---------------------------------------------------------------------------------------

# bits.c for other processors, under emulation: all must print the same.
job_emulated()
{
    local cpu triple program=$DEEPC_TEST_FOLDER/bits
    try "bits.c builds" gcc -O2 -static -I. tests/bits.c -o "$program" -lm
    try "bits here" same_bits here "$program"
    if has qemu-x86_64; then
        for cpu in Nehalem Haswell EPYC max; do
            try "same bits: x86-64 $cpu" same_bits "$cpu" "$(source_of run "#!/bin/sh" \
                "exec qemu-x86_64 -cpu $cpu $program" && chmod +x "$DEEPC_TEST_FOLDER/run")"
        done
    else skip "emulation: apt-get install qemu-user"; fi
    for triple in arm-linux-gnueabihf riscv64-linux-gnu; do
        has $triple-gcc && has "qemu-${triple%%-*}" ||
            { skip "$triple: apt-get install gcc-$triple qemu-user"; continue; }
        try "bits.c builds for $triple" $triple-gcc -O2 -static -I. tests/bits.c -o "$program.$triple" -lm
        try "same bits: $triple" same_bits "$triple" "$(source_of run "#!/bin/sh" \
            "exec qemu-${triple%%-*} $program.$triple" && chmod +x "$DEEPC_TEST_FOLDER/run")"
    done
}

job_every_float()
{
    local source
    for source in tests/exhaustive/*.c; do
        [ -e "$source" ] || { skip "no tests/exhaustive/*.c"; return; }
        try "$source builds" gcc -O2 -I. -Itests "$source" -o "$OUT/exhaustive" -lm || continue
        suite "$source" "$OUT/exhaustive"
    done
}

# --- main --------------------------------------------------------------------------------------------------

mkdir -p "$OUT/log" "$OUT/count" "$OUT/files"
ALL="sanitize_float tutorials coverage tests_float tests_double sanitize_double bits examples compilers cxx leak fuzz
     threads readme install tidy"
case $1 in
    '')         install_missing; run_jobs $ALL ;;
    bits-table) install_missing; run_jobs bits && bits_table | tee "$OUT/bits.md" ;;
    exhaustive) install_missing exhaustive; FUZZ_SECONDS=600 run_jobs every_float fuzz emulated seeds ;;
    *)          run_jobs "$@" ;;
esac
