//! Places of code that an attacker found behind the first list.

use super::tests::{assert_refused, messages, problems};
use crate::skill::command::Stdin;

const CODE: &str = r"
java -XX:OnOutOfMemoryError={{x}} Main
java -XX:OnError={{x}} Main
java -agentlib:jdwp=launch={{x}} Main
java -agentpath:/a.so={{x}} Main
gcc -Wl,-plugin={{x}} a.c
gcc {{x}}
gcc -o {{x}} a.c
rustc {{x}}
setarch x86_64 {{x}}
setarch x86_64 awk {{x}}
runcon CTX {{x}}
runcon -t T {{x}}
faketime T {{x}}
rustup run stable {{x}}
mise exec node@20 -- {{x}}
mise exec {{x}} -- ls
direnv exec . {{x}}
kubectl run p --image=i --command -- {{x}}
perl -i{{x}} -pe 1
perl -C{{x}} -e 1
ruby -W{{x}} a.rb
ruby -K{{x}} a.rb
npm install --script-shell={{x}}
npm ci --userconfig {{x}}
pnpm add --node-options={{x}} a
cargo clippy --config {{x}}
env CFLAGS={{x}} make
env ANY={{x}} timeout 5 gmake all
env GOFLAGS={{x}} go build
env AWS_PAGER={{x}} aws
env KUBECONFIG={{x}} kubectl get pods
node --unhandled-rejections strict {{x}}
npx --loglevel error {{x}}
python3 -m trace -C d {{x}}
python3 -m unittest {{x}}
python3 -m coverage run {{x}}
python3 -m pytest -p {{x}}
ruby --disable gems {{x}}
julia --startup-file no {{x}}
fakeroot -s f {{x}}
perf record --call-graph dwarf {{x}}
xvfb-run -e f {{x}}
rlwrap -f f {{x}}
bwrap --ro-bind / / {{x}}
bwrap --ro-bind / / --dev /dev sh -c {{x}}
docker --tlscacert c run i sh -c {{x}}
docker run --cpuset-cpus 1 i sh -c {{x}}
kubectl -v 5 exec p -- {{x}}
cargo --color never --config {{x}} build
/lib64/ld-linux-x86-64.so.2 {{x}}
choom -n 5 {{x}}
numactl -N 0 {{x}}
sg group {{x}}
sg group -c {{x}}
ssh-agent {{x}}
start-stop-daemon --exec {{x}}
run-parts {{x}}
gosu user {{x}}
tini -- {{x}}
dumb-init {{x}}
sshpass -p a {{x}}
hyperfine {{x}}
mpirun -n 2 {{x}}
srun -n 2 {{x}}
nodemon {{x}}
cross-env A=1 {{x}}
dotenv -f e {{x}}
apptainer exec i {{x}}
just {{x}}
task {{x}}
pandoc --lua-filter {{x}} a.md
pandoc -F {{x}} a.md
docker run --entrypoint sh img -c {{x}}
docker run img {{x}}
git config core.pager {{x}}
cmake -DCMAKE_C_COMPILER={{x}} .
redis-cli EVAL {{x}} 0
";

const FINE: &str = r"
gcc -I{{x}} a.c
gcc -D{{x}} a.c
gcc -O{{x}} a.c
gcc -DNAME={{x}} a.c
gcc -o ./{{x}} a.c
curl -o{{x}} https://a
wget -O{{x}} https://a
java -Xmx{{x}} Main
cmake -DCMAKE_BUILD_TYPE={{x}} .
ssh -o IdentityFile={{x}} host ls
ssh -o UserKnownHostsFile={{x}} host ls
git -c safe.directory={{x}} log
git config user.name {{x}}
git config --global user.email {{x}}
redis-cli GET {{x}}
redis-cli SET {{x}} 1
docker run --rm --entrypoint yq img {{x}}
perl -i.bak -pe 1 -- f
npm install --registry {{x}}
env NAME={{x}} ls
runcon CTX ls {{x}}
faketime T ls {{x}}
mise exec node@20 -- ls {{x}}
gosu user ls {{x}}
";

#[test]
fn arguments_in_further_places_of_code_are_refused() {
    let lines = CODE.lines().filter(|line| !line.is_empty());
    let passed: Vec<&str> = lines
        .clone()
        .filter(|line| messages(line, false).is_empty())
        .collect();
    assert!(passed.is_empty(), "{passed:#?}");
    lines.for_each(assert_refused);
}

#[test]
fn arguments_in_further_places_of_data_are_fine() {
    for line in FINE.lines().filter(|line| !line.is_empty()) {
        let messages = messages(line, false);
        assert!(messages.is_empty(), "{line}: {messages:?}");
    }
}

#[test]
fn code_from_standard_input_is_found_in_each_spelling() {
    for (line, is_refused) in [
        ("sed -f - f", true),
        ("awk -f /dev/stdin", true),
        ("awk -f-", true),
        ("make -f -", true),
        ("psql -f -", true),
        ("psql --file=/dev/fd/0", true),
        ("curl -K -", true),
        ("sh /dev/./stdin", true),
        ("sh //dev/stdin", true),
        ("sh /dev/../dev/stdin", true),
        ("python3 /proc/self/fd/0", true),
        ("python3 /proc/thread-self/fd/0", true),
        ("node ../../dev/stdin", true),
        ("php php://stdin", true),
        ("gcc @/dev/stdin", true),
        ("xargs -a /dev/stdin sh -c", true),
        ("bash -l", true),
        ("bash -v", true),
        ("perl -l", true),
        ("unshare", true),
        ("unshare --fork", true),
        ("timeout 9 unshare --fork", true),
        ("chroot /dir", true),
        ("setpriv --reuid 1", true),
        ("su", true),
        ("su user", true),
        ("su - user", true),
        ("sudo -s", true),
        ("sudo -u me A=1", true),
        ("script out", true),
        ("nsenter -t 1", true),
        ("python3 -i m.py", true),
        ("python3 -m pdb m.py", true),
        ("python3 -ic 1", true),
        ("awk -f a.awk", false),
        ("make -f a.mk", false),
        ("unshare ls", false),
        ("chroot /dir ls", false),
        ("su user -c ls", false),
        ("sudo -u me A=1 ls", false),
        ("script -qc ls out", false),
        ("python3 m.py -i", false),
        ("xargs -a list sh -c", false),
        ("perl -lne 1", false),
    ] {
        let problems = problems(line, false, &Stdin::Arguments);
        assert_eq!(!problems.is_empty(), is_refused, "{line}: {problems:?}");
    }
}
