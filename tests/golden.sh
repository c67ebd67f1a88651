#!/bin/sh
# Computes the golden numbers anew: every tests/golden/NAME.py writes NAME.h, itself or on its standard output.
# Needs Python with PyTorch; where there is none it is installed, for root by apt-get, else into build/golden.
cd "$(dirname "$0")/.." || exit 1

python=
for candidate in python3 /usr/bin/python3 build/golden/bin/python; do
    if $candidate -c 'import torch, numpy' 2>/dev/null; then python=$candidate; break; fi
done
if [ -z "$python" ] && [ "$(id -u)" = 0 ] && apt-get install -y python3-torch python3-numpy; then
    python=/usr/bin/python3
elif [ -z "$python" ]; then
    python3 -m venv build/golden && build/golden/bin/pip install torch numpy || exit 1
    python=build/golden/bin/python
fi

mkdir -p build
for script in tests/golden/*.py; do
    $python "$script" > build/golden.tmp || exit 1
    [ -s build/golden.tmp ] && [ "$(head -c 2 build/golden.tmp)" = '/*' ] && cp build/golden.tmp "${script%.py}.h"
    echo "${script%.py}.h"
done
rm -f build/golden.tmp
