#!/bin/sh
# The command line: options, exit statuses, what is written and what is not. Usage: run.sh NNC
set -u
nnc=$(realpath "${1:?usage: run.sh NNC}")
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
unset NO_COLOR
cp "$here/tiny.nn" "$here/wrong.nn" "$here/early.nn" .
count=0
failed=0

fail() {
    echo "FAIL $name: $*"
    head -c 2000 out err
    failed=$((failed + 1))
}

# try NAME STATUS ARGUMENT...: runs nnc; what it prints is in ./out and ./err.
try() {
    name=$1
    wanted=$2
    shift 2
    count=$((count + 1))
    timeout 120 "$nnc" "$@" >out 2>err
    status=$?
    [ $status -eq "$wanted" ] || fail "exit status $status, expected $wanted"
}

says() { grep -qF -e "$2" "$1" || fail "$1 lacks: $2"; }
silent() { [ ! -s "$1" ] || fail "$1 is not empty"; }
there() { for file; do [ -s "$file" ] || fail "$file was not written"; done; }
absent() { for file; do [ ! -e "$file" ] || fail "$file was written"; done; }

# Threads: nothing of them unless asked for.
try no_threads 0 tiny.nn -o plain.c
grep -qi 'nn_part\|worker' plain.c plain.h && fail "there are threads"
try threads 0 tiny.nn --threads -o team.c
grep -q 'int tiny_start(' team.h || fail "no tiny_start"
try split 2 tiny.nn --split=0 -o t.c
says err '--split'

# Precision: the command line's, else the program's.
try bad_precision 2 tiny.nn --precision=tf32
says err 'strict, highest, high, medium'
{ echo 'import torch'; echo 'torch.set_float32_matmul_precision("high")'; cat tiny.nn; } >high.nn
try precision_of_program 0 high.nn -o high.c
says high.h 'the precision class high'
try precision 0 high.nn --precision=strict -o high.c
says high.h 'the precision class strict'

# Autocast: as in the program.
try bad_autocast 2 tiny.nn --autocast=half
says err 'bf16, fp16'
try autocast 0 tiny.nn --autocast=bf16 -o cast.c
says cast.h 'nn_bf16'

# Help, version, usage errors.
try help 0 --help
says out 'usage:'
says out '--emit=KIND'
silent err
try version 0 --version
says out 'nnc 0.'
try nothing 2
says err 'no input file'
try unknown 2 --wieghts=x tiny.nn
says err "unknown option '--wieghts'; did you mean '--weights'?"
try two_inputs 2 tiny.nn wrong.nn
says err 'more than one input'
try no_value 2 tiny.nn -o
says err '-o needs a value'
try bad_emit 2 tiny.nn --emit=pdf
says err "unknown output 'pdf'"
try bad_level 2 tiny.nn -O7
try bad_prefix 2 tiny.nn --prefix=a-b
for batch in 0 -1 x 1,,2 1, '' 1,1 99999999999999999999; do
    try "bad_batch_$batch" 2 tiny.nn "--batch=$batch" -o t.c
    says err '--batch'
done
try bad_dump 2 tiny.nn --dump=after:nothing
try bad_pass 2 tiny.nn --passes=simplify,nothing -o t.c
says err "'nothing'"
absent t.c t.h
try passes 0 --print-passes
says out 'simplify'
says out 'fold_scale'

# C: the file and its header, their names and the names in them.
try c 0 tiny.nn -o tiny.c
there tiny.c tiny.h
silent out
silent err
cp tiny.c first.c
try same_again 0 tiny.nn -o tiny.c
cmp -s first.c tiny.c || fail 'another text the second time'
${CC:-cc} -std=c11 -Wall -Wextra -Wpedantic -Werror -c tiny.c -o tiny.o || fail 'does not compile'
try module_call 0 tiny.nn --module 'Tiny()' '--input=x=f32[2,4]' -o call.c
there call.c call.h
says call.h '[2][3]'
try default_name 0 tiny.nn
there tiny.c
try prefix 0 tiny.nn --prefix=other -o other.c
says other.h 'other_forward'
grep -q 'tiny_forward' other.h && fail 'the header has the old name'
# CUDA: the name says it.
try cuda 0 tiny.nn -o tiny.cu
there tiny.cu tiny.h
grep -q 'tiny_forward_device' tiny.h || fail "no function for the device's memory"
for option in --threads --standalone; do
    try "cuda$option" 1 tiny.nn $option -o parallel.cu
    says err "a .cu file has no $option"
    absent parallel.cu parallel.h
done

try standalone 0 tiny.nn --standalone -o alone.c
grep -q '#include "runtime/' alone.c && fail 'includes the runtime'
try batch 0 tiny.nn --batch=7 -o batch.c
says batch.h 'tiny_forward('
says batch.h '[7][3]'
says batch.h '#define TINY_BATCH 7'
try batches 0 tiny.nn --batch=5,1 --emit=c,ir,kernels -o batches.c
says batches.h 'tiny_forward_b1('
says batches.h 'tiny_forward_b5('
grep -q 'tiny_forward(' batches.h && fail 'a forward without a size'
says batches.ir 'graph @forward_b5'
says batches.kernels 'forward_b1: '
try own_prefix 0 tiny.nn --prefix=nn -o own.c
says err 'warning: --prefix=nn could clash with names that C or nnc uses: public names start with net_nn_'
says own.h 'net_nn_forward'
try own_prefix_error 1 tiny.nn --prefix=nn -Werror -o error.c
absent error.c error.h
try module_typo 1 tiny.nn --module nett -o module.c
says err "--module nett: NameError: name 'nett' is not defined"
says err "did you mean 'net'?"
try module_syntax 1 tiny.nn --module 'net(' -o module.c
says err '--module:'
grep -q '__nnc' err && fail 'shows a name of its own'
absent module.c module.h
python3 -c 'open("wide.nn", "w", encoding="utf-16").write(open("tiny.nn").read())'
python3 -c 'open("mark.nn", "w", encoding="utf-8-sig").write(open("tiny.nn").read())'
try utf16 1 wide.nn -o wide.c
says err "UTF-16"
says err "iconv -f UTF-16 -t UTF-8"
try byte_order_mark 0 mark.nn -o mark.c
there mark.c

# Without a train step although there is an optimizer: where evaluation ended.
try early 0 early.nn -o early.c
says err 'early.nn:9:8: warning: no train step: the program ends here'
says err 'after optimizer.step()'
try early_forward 0 early.nn --no-train -o early.c
silent err
sed 's/^    if.*/    exit()/; /break/d' early.nn >exits.nn
try exits 0 exits.nn -o early.c
says err 'exits.nn:9:5: warning: no train step: the program ends here'
sed 's/range(3)/range(0)/' early.nn >idle.nn
try idle 0 idle.nn --input input=f32[2,4] -o early.c
says err 'idle.nn:11:5: warning: no train step'
# NumPy computes with numbers that aren't known yet; they are finite.
try metrics 0 "$here/metrics.nn" -o metrics.c
silent err
grep -q train_step metrics.h || fail 'has no train step'
# A step that trains two networks leaves forward of the first one.
try pair 0 "$here/pair.nn" -o pair.c
says err "pair.nn:11:1: warning: no train step: up to here parameters of several modules change, 'encoder' and 'decoder'"
says err '--module decoder compiles the other one'
there pair.c pair.h
grep -q train_step pair.h && fail 'has a train step'
try pair_other 0 "$here/pair.nn" --no-train --module decoder -o pair.c
silent err
try levels 0 tiny.nn -O0 -o level.c
there level.c

# Other outputs.
try ir 0 tiny.nn --emit=ir -o -
says out 'dot'
try json 0 tiny.nn --emit=json -o tiny.json
python3 -c 'import json; json.load(open("tiny.json"))' || fail 'no JSON'
try dot 0 tiny.nn --emit=dot -o -
says out 'digraph'
try kernels 0 tiny.nn --emit=kernels -o -
there out
try several 0 tiny.nn --emit=ir,kernels
there tiny.ir tiny.kernels
try dump_all 0 tiny.nn --dump=after:all -o dumped.c
there out dumped.c
passes=$("$nnc" --print-passes | awk '{ print $1 }')
for pass in $passes; do
    says out "// after $pass"
done
for pass in $passes; do
    try "dump_$pass" 0 tiny.nn "--dump=after:$pass" --emit=ir
    says out "// after $pass"
    try "passes_$pass" 0 tiny.nn "--passes=$pass" --emit=ir,json,dot,c -o one_pass.c
    there one_pass.ir one_pass.json one_pass.c
done
try after_passes 0 tiny.nn --passes=simplify,dce --emit=ir -o -
says out 'graph @forward'
try verbose 0 tiny.nn -v -o tiny.c
says err 'liveness needs at least'
try object 0 tiny.nn --emit=obj -o object.o
there object.o object.h
try assembly 0 tiny.nn --emit=asm -o tiny.s
there tiny.s
python3 -c 'import json, struct
header = json.dumps({"fc.weight": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]},
                     "fc.bias": {"dtype": "F32", "shape": [3], "data_offsets": [48, 60]}})
values = struct.pack("<15f", *[1, 0, 0, 0] * 2, *[-1] * 4, 0, 0.5, 0)
open("tiny.safetensors", "wb").write(struct.pack("<Q", len(header)) + header.encode() + values)'
try exe 0 tiny.nn --weights tiny.safetensors --emit=exe -o tiny_program
there tiny_program
./tiny_program --help >out 2>err || fail 'the program does not run'
printf '\0\0\200?\0\0\0@\0\0@@\0\0\200@' >ones.raw
./tiny_program ones.raw >out 2>err || fail 'the program fails on its input'
says out 'tensor([[1.0000, 1.5000, 0.0000]])'

# The program of several batches takes the one that fits what is there.
try exe_batches 0 tiny.nn --weights tiny.safetensors --batch=1,4 --emit=exe -o batch_program
cat ones.raw ones.raw ones.raw ones.raw ones.raw ones.raw >six.raw
for items in 1 2 5 all; do
    ./tiny_program six.raw --count $items --raw >one_by_one || fail 'the program fails'
    ./batch_program six.raw --count $items --raw >together || fail 'the program of batches fails'
    cmp -s one_by_one together || fail "other results for $items items"
done
./batch_program six.raw --count 2 >out 2>err || fail 'the program of batches fails'
says out '        [1.0000, 1.5000, 0.0000]])'

# The program of several threads gives the same.
try exe_threads 0 tiny.nn --weights tiny.safetensors --batch=4 --emit=exe --threads=2 --split=1 -o team_program
./team_program six.raw --count all --raw >shared || fail 'the program of threads fails'
./tiny_program six.raw --count all --raw | cmp -s - shared || fail 'other results on two threads'
try exe_no_number 2 tiny.nn --weights tiny.safetensors --emit=exe --threads -o team_program
says err '--threads=N'

# IDX images of another size than the network's are padded or resized.
cat >image.nn <<'NN'
import torch
net = torch.nn.Flatten()
net(torch.zeros(1, 1, 4, 4))
NN
try exe_image 0 image.nn --emit=exe -o image_program
printf '\0\0\10\3\0\0\0\1\0\0\0\2\0\0\0\2\4\4\4\4' >small.idx
printf '\0\0\10\3\0\0\0\1\0\0\0\2\0\0\0\7\10\10\10\10\10\10\10\10\10\10\10\10\10\10' >wide.idx
./image_program small.idx --scale 1 >out 2>err || fail 'a small image is refused'
says out '[[0., 0., 0., 0., 0., 4., 4., 0., 0., 4., 4., 0., 0., 0., 0., 0.]]'
./image_program small.idx --scale 1 --fit resize >out 2>err || fail 'a small image is refused'
says out '[[4., 4., 4., 4., 4., 4., 4., 4., 4., 4., 4., 4., 4., 4., 4., 4.]]'
./image_program wide.idx --scale 1 >out 2>err || fail 'a large image is refused'
says out '[[8., 8., 8., 8., 8., 8., 8., 8., 8., 8., 8., 8., 8., 8., 8., 8.]]'
./image_program >out 2>err && fail 'needs no file'
says err 'the network has 1 input, 0 files are given'
./image_program --fit grow small.idx >out 2>err && fail 'accepts any --fit'
says err '--fit needs pad or resize'

# The plugin with Clang and LLVM needs no compiler and no temporary files.
plugin=$(dirname "$nnc")/../lib/nnc/libnnc_native.so
if [ -e "$plugin" ] && [ -z "${NNC_PLUGIN:-}" ]; then
    mkdir empty
    bare() { # arguments of try
        name=$1
        wanted=$2
        shift 2
        count=$((count + 1))
        env PATH="$work/empty" TMPDIR=/nonexistent "$nnc" "$@" >out 2>err
        status=$?
        [ $status -eq "$wanted" ] || fail "exit status $status, expected $wanted"
    }
    for kind in obj asm llvm-ir exe; do
        bare "plugin_$kind" 0 -v tiny.nn --weights tiny.safetensors --emit=$kind -o bare.$kind
        there bare.$kind
        says err 'in process served'
    done
    says bare.llvm-ir 'define'
    ./bare.exe ones.raw >out 2>err || fail 'the linked program fails on its input'
    says out 'tensor([[1.0000, 1.5000, 0.0000]])'
    bare plugin_march 1 tiny.nn --emit=obj -march=nothing -o bad.o
    says err "unknown target CPU 'nothing'"
    absent bad.o bad.h
    NNC_PLUGIN=none bare no_plugin 1 tiny.nn --emit=obj -o bad.o
    says err "can't make a temporary directory"
    says err 'no plugin'
    absent bad.o
    NNC_PLUGIN=none bare no_llvm_ir 1 tiny.nn --emit=llvm-ir -o bad.ll
    says err 'only the plugin writes LLVM IR'
    absent bad.ll
fi
# Without it the system's compiler serves.
NNC_PLUGIN=none try fallback 0 -v tiny.nn --emit=obj -o fallback.o
there fallback.o
says err 'no plugin: NNC_PLUGIN=none'

# Schedules: written, read, replayed; wrong ones are told of.
cat >products.nn <<'NN'
import torch
from torch import nn
net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5))
net(torch.zeros(1, 1, 8, 8))
NN
try schedules 0 products.nn --emit=c,schedules -o products.c
there products.c products.schedules.json
for target in none avx2 avx512; do says products.schedules.json ", $target, highest\":"; done
try schedules_alone 0 products.nn --emit=schedules -o alone.json
cmp -s alone.json products.schedules.json || fail 'other schedules alone'
mkdir again
try schedules_replayed 0 products.nn --schedules=alone.json -MD -o again/products.c
cmp -s products.c again/products.c || fail 'another text by its own schedules'
says again/products.c.d 'alone.json'
python3 - <<'PY'
import json
book = json.load(open("alone.json"))
def write(name, change):
    with open(name, "w") as file:
        json.dump({"format": book["format"], "schedules": {k: change(k, dict(s)) for k, s in book["schedules"].items()}}, file)
write("unroll.json", lambda k, s: {**s, "unroll": 2} if k.startswith("dot") and "avx512" in k else s)
write("other.json", lambda k, s: s)
write("tile.json", lambda k, s: {**s, "tile": {"oc": 7}} if k.startswith("conv") else s)
write("lanes.json", lambda k, s: {**s, "lanes": 5})
write("dim.json", lambda k, s: {**s, "lane": "q"})
write("word.json", lambda k, s: {**s, "tiles": 3})
write("half.json", lambda k, s: {**s, "vectors": 1.5})
write("list.json", lambda k, s: [])
write("winograd.json", lambda k, s: {**s, "winograd": 2})
with open("unknown.json", "w") as file:
    json.dump({"format": book["format"], "schedules": {"of another network": {"any": 1}}}, file)
text = open("alone.json").read()
open("cut.json", "w").write(text[:len(text) // 2])
open("behind.json", "w").write(text + "x")
open("twice.json", "w").write(text.replace("avx2, highest", "avx512, highest"))
open("format.json", "w").write(text.replace("schedules 1", "schedules 9"))
PY
try schedules_changed 0 products.nn --schedules=unroll.json -o changed.c
cmp -s products.c changed.c && fail 'the schedule was passed over'
try schedules_unknown 0 products.nn --schedules=unknown.json -o products.c
cmp -s products.c again/products.c || fail 'another text by schedules of other networks'
for damage in tile lanes dim word half list winograd cut behind twice format; do
    try "schedules_$damage" 1 products.nn --schedules=$damage.json -o damaged.c
    says err "$damage.json: "
    absent damaged.c damaged.h
done
try schedules_tile 1 products.nn --schedules=tile.json -o damaged.c
says err 'the schedule for "conv f32 '
says err '" is impossible: '
try schedules_missing 1 products.nn --schedules=missing.json -o damaged.c
says err 'missing.json'
try schedules_cuda 1 products.nn --schedules=alone.json -o damaged.cu
says err 'a .cu file has no --schedules'
absent damaged.cu damaged.h

# Tuning: what is found is kept beside what the file says of others, and is replayed.
try tune_and_schedules 2 products.nn --tune --schedules=alone.json
try tune_time 2 products.nn --tune --tune-time=soon
says err '--tune-time'
cp unknown.json tuned.json
mkdir tuning
TMPDIR=$work/tuning try tune 0 products.nn --tune=tuned.json --tune-time=1 -o tuned.c
rmdir tuning || fail 'programs were left'
says err 'nnc: tuned forward: '
says tuned.json '"of another network":'
says tuned.json 'conv f32'
try tune_replayed 0 products.nn --schedules=tuned.json -o again/tuned.c
cmp -s tuned.c again/tuned.c || fail 'another text by the schedules that were found'
try tune_damaged 1 products.nn --tune=cut.json -o damaged.c
says err 'cut.json: '
absent damaged.c

# Timing kernels: a network that takes only some integers, a step in a loop.
cat >words.nn <<'NN'
import torch
from torch import nn
class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.rnn = nn.GRU(8, 8, batch_first=True)
        self.head = nn.Linear(8, 11)
    def forward(self, words):
        return self.head(self.rnn(self.embed(words))[0][:, -1])
net = Words()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
words = torch.randint(0, 11, (4, 6))
optimizer.zero_grad()
loss = nn.functional.cross_entropy(net(words), torch.randint(0, 11, (4,)))
loss.backward()
optimizer.step()
NN
mkdir timing
TMPDIR=$work/timing try bench 0 bench words.nn
says out 'words, forward, batch 4'
says out 'of the measured peak'
silent err
try bench_train 0 bench words.nn --train --json
python3 - out <<'PY' || fail 'the JSON lacks something'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["function"] == "train_step" and d["batch"] == 4 and d["threads"] == 1
assert 0 < d["min_ms"] <= d["median_ms"] and 0 < d["gflops"] < d["peak_gflops"]
assert len(d["kernels"]) > 5 and any(k["times"] > 1 for k in d["kernels"])
total = sum(k["median_ms"] for k in d["kernels"])
assert all(k["median_ms"] >= 0 for k in d["kernels"]) and 0.1 < total / d["median_ms"] < 10
PY
try bench_threads 0 bench words.nn --train --threads=2 --split=1 --json
python3 - out <<'PY' || fail 'the JSON of two threads is wrong'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["threads"] == 2 and d["median_ms"] > 0 and len(d["kernels"]) > 5
assert all(k["median_ms"] >= 0 for k in d["kernels"])
PY
try bench_of_threads 2 bench tiny.nn --threads
says err '--threads=N'
try bench_no_threads 2 bench tiny.nn --threads=0
says err 'a number from 1 to'
try threads_of_file 2 tiny.nn --threads=2 -o tiny.c
says err 'goes with nnc bench'
try bench_no_train 1 bench tiny.nn --train
says err 'no train step'
try bench_keep 0 bench words.nn -o timer
silent out
./timer --seconds=0.1 --json | grep -q '"median_ms"' || fail 'the kept program prints no JSON'
./timer --minutes=1 2>/dev/null && fail 'the kept program takes any option'
try bench_emit 2 bench tiny.nn --emit=c
says err 'nnc bench makes a program'
try bench_flag 2 tiny.nn --json
says err '--json goes with nnc bench'
rmdir timing || fail 'files are left in the temporary directory'

# Standard input and output, response files, dependencies.
timeout 60 "$nnc" - --emit=ir -o - <tiny.nn >out 2>err || fail 'no program from standard input'
says out 'dot'
try to_stdout 0 tiny.nn -o -
says out 'tiny_forward'
printf '%s\n' 'tiny.nn -o' "'from file.c'" >words
try response 0 @words
there 'from file.c'
try no_response 2 @absent
try depfile 0 tiny.nn -MD -o dep.c
there dep.c.d
says dep.c.d 'dep.c:'
says dep.c.d 'tiny.nn'
try depfile_named 0 tiny.nn -MF rule.d -MT 'target' -o dep.c
says rule.d 'target:'

# Errors: status 1, a message with its place, nothing written, nothing changed.
try wrong 1 wrong.nn -o wrong.c
says err 'wrong.nn:7:'
says err 'error:'
absent wrong.c wrong.h
echo kept >wrong.c
try wrong_again 1 wrong.nn -o wrong.c
[ "$(cat wrong.c)" = kept ] || fail 'an old output was changed'
try missing 1 missing.nn -o missing.c
says err 'missing.nn'
absent missing.c
try no_weights 1 tiny.nn --weights absent.safetensors -o w.c
says err 'absent.safetensors'
absent w.c w.h
echo junk >junk.safetensors
try bad_weights 1 tiny.nn --weights junk.safetensors -o w.c
absent w.c w.h
try no_folder 1 tiny.nn -o absent/t.c
mkdir folder.c
try no_file 1 tiny.nn -o folder.c
absent folder.h folder.c.*
try second_fails 1 tiny.nn --emit=ir,obj -march=nothing -o second
absent second.ir second.o
try json_diagnostics 1 wrong.nn --diagnostics-format=json -o wrong.c
python3 -c 'import json
for line in open("err"): json.loads(line)' || fail 'no JSON a line'
escape=$(printf '\033')
try color 1 wrong.nn --color=always -o wrong.c
grep -q "$escape" err || fail 'no colour'
try no_color 1 wrong.nn --color=never -o wrong.c
grep -q "$escape" err && fail 'colour'
try no_tty 1 wrong.nn -o wrong.c
grep -q "$escape" err && fail 'colour without a terminal'

# A forward that changes a buffer compiles with a warning, or not with -Werror.
cat >counts.nn <<'NN'
import torch
class Counts(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))
        self.fc = torch.nn.Linear(1, 1)
    def forward(self, x):
        self.calls += 1
        return self.fc(x)
net = Counts()
net(torch.zeros(1, 1))
NN
try changes 0 counts.nn -o counts.c
says err "counts.nn:7:9: warning: forward changes 'calls'"
there counts.c
try changes_werror 1 counts.nn -Werror -o strict.c
absent strict.c

# run: the program's own output and exit status.
try run 0 run "$here/arguments.nn" one --two
says out "['one', '--two']"
silent err
try run_status 3 run "$here/arguments.nn" exit
try run_wrong 1 run wrong.nn
says err 'wrong.nn'
timeout 60 "$nnc" run - <"$here/arguments.nn" >out 2>err || fail 'no program from standard input'
says out '[]'

# Annotations on forward give its inputs; a .py file is as good.
try annotated 0 "$here/annotated.py" -o annotated.c
says annotated.h 'float x[1][4];'

# The usual training script, beside its data: the step is given the loader's images and labels.
name=training_script
count=$((count + 1))
(cd "$root/samples/mnist_script" && timeout 120 "$nnc" mnist.py -o "$work/script.c") >out 2>err || fail 'it does not compile'
says script.h 'float x[64][1][28][28];'
says script.h 'int64_t target[64];'

echo "$count command lines, $failed failed"
[ $failed -eq 0 ]
