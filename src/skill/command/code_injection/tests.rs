//! Commands, each with the words in which an argument is refused and those in which it is not.

use serde_json::json;

use crate::document::{Diagnostics, Node};
use crate::skill::command::{Reading, Stdin, read_command};

/// What is wrong with a command, whose words are separated as a shell does it. Brackets are nested
/// lists.
pub(super) fn problems(line: &str, allow_leading_dash: bool, stdin: &Stdin) -> Diagnostics {
    let mut elements = Vec::new();
    let mut group: Option<Vec<String>> = None;
    for word in shlex::split(line).unwrap_or_else(|| panic!("{line}")) {
        match (word.as_str(), &mut group) {
            ("[[", _) => group = Some(Vec::new()),
            ("]]", Some(words)) => {
                elements.push(json!(words));
                group = None;
            }
            (_, Some(words)) => words.push(word),
            (_, None) => elements.push(json!(word)),
        }
    }
    let command = json!(elements);
    let mut problems = Diagnostics::default();
    let reading = Reading {
        input_schema: None,
        allow_leading_dash,
        has_run_dir: true,
        stdin,
    };
    let template = read_command(&Node::root(&command), reading, &mut problems);
    assert_eq!(template.is_none(), !problems.is_empty(), "{line}");
    assert!(
        problems
            .iter()
            .all(|problem| problem.code == "argument_in_code"),
        "{line}: {problems:?}"
    );
    problems
}

pub(super) fn messages(line: &str, allow_leading_dash: bool) -> Vec<String> {
    let problems = problems(line, allow_leading_dash, &Stdin::None);
    problems
        .iter()
        .map(|problem| problem.message.clone())
        .collect()
}

/// Every `{{x}}` is refused, and every other argument is not.
pub(super) fn assert_refused(line: &str) {
    let messages = messages(line, false);
    assert!(!messages.is_empty(), "passes: {line}");
    for message in messages {
        assert!(message.starts_with("`{{x}}` "), "{line}: {message}");
    }
}

const CODE: &str = r#"
sh -c "git log {{x}}"
/bin/bash -euo pipefail -c {{x}}
bash -lc {{x}}
bash -c -e {{x}}
bash -c -- {{x}}
bash -c -o {{x}} true
bash --rcfile f -c "{{x...}}"
bash -O extglob -c {{x}}
bash +O extglob -c {{x}}
bash -{{x}} ./script
fish -c {{x}} {{y}}
fish --command={{x}}
fish -C {{x}} ./script
nu --commands {{x}}
zsh -c [[ {{x}} ]]
zsh -c [[ -o {{x}} ]] true
python3 -c {{x}} {{y}}
python3.12 -Ic {{x}}
/usr/bin/python3.11 -c{{x}}
python -W ignore -c "print('{{x}}')"
python -m timeit {{x}}
python3 -m timeit -s {{x}} pass
python -m cProfile -m timeit {{x}}
python -W {{x}} ./main.py
node -e {{x}}
node20 -pe {{x}}
node --eval={{x}}
node --require m --print {{x}}
node --import {{x}} main.js
node --import=data:text/javascript,{{x}} main.js
node -r {{x}} main.js {{y}}
node --loader {{x}} main.js
node --env-file={{x}} main.js
deno eval {{x}}
deno eval --ext ts {{x}} {{y}}
deno run --preload {{x}} main.ts
bun -e {{x}}
bun --preload={{x}} main.ts
perl -lane {{x}}
perl -e 1 -e {{x}}
perl "-M{{x}}" -e 1
perl -mFoo=x "-MBar={{x}}" -e 1
perl5.36 -wle {{x}}
perl -I {{x}} -e 1
perl -I{{x}} ./a.pl
perl -l{{x}} ./a.pl
perl -pe s/a/b/ {{x}}
perl -ne print "dir/{{x}}"
perl -i -n ./a.pl -- {{x}}
ruby -e {{x}}
ruby -rset -r{{x}} ./a.rb
ruby -ne {{x}} {{y}}
php -r {{x}}
php -d {{x}} ./a.php
php -B 1 -R {{x}}
php8.2 -dauto_prepend_file={{x}} ./a.php
lua5.4 -e {{x}}
lua -l {{x}} ./a.lua
Rscript -e {{x}}
julia -E {{x}}
elixir -e {{x}}
erl -noshell -eval {{x}}
pwsh -NoProfile -Command {{x}}
pwsh -enc {{x}}
osascript -e {{x}}
java -cp {{x}} Main {{y}}
java -javaagent:{{x}} -jar a.jar
awk -F , /{{x}}/
gawk "{ print \"{{x}}\" }" {{y}}
mawk -f {{x}} {{y}}
gawk -i {{x}} "{ print }"
awk -v a=1 -e {{x}}
gawk --sou={{x}}
sed s/a/{{x}}/
sed -n -e p -e "{{x}}"
sed -ne {{x}} {{y}}
sed --expr={{x}} {{y}}
sed -f {{x}} {{y}}
sed -E -i.bak {{x}} {{y}}
m4 -D A={{x}}
sqlite3 data.db "select '{{x}}'"
sqlite3 -cmd {{x}} data.db
sqlite3 --cmd {{x}} data.db
sqlite3 -init {{x}} data.db
psql -c {{x}}
psql -Atc {{x}} {{y}}
psql -o {{x}} -c "select 1"
mysql --execute={{x}}
mysql -Bse {{x}}
mongosh --eval {{x}}
vim -c {{x}} -- {{y}}
vim {{x}}
ed {{x}}
emacs --batch --eval {{x}}
gdb -batch -ex {{x}} ./prog
tar -xf {{y}} --to-command={{x}}
tar -xf {{y}} --to-command {{x}}
tar --to-c={{x}} -xf {{y}}
tar -cf {{y}} --checkpoint=1 --checkpoint-action=exec={{x}} .
tar -I {{x}} -xf {{y}}
tar cIf {{x}} out.tar .
tar xfI {{y}} {{x}}
tar --use-compress-program={{x}} -xf {{y}}
rsync -e {{x}} {{y}} host:/
rsync -aze {{x}} {{y}} host:/
rsync --rsync-path={{x}} {{y}} host:/
scp -S {{x}} {{y}} host:/
scp -o ProxyCommand={{x}} {{y}} host:/
zip -T -TT {{x}} out.zip {{y}}
sort --compress-program={{x}} {{y}}
split --filter={{x}} {{y}}
make --eval={{x}}
make --eval {{x}}
make --eva={{x}}
make -f {{x}}
make -C {{y}} CC={{x}}
make {{x}}
git -c {{x}} log
git -c core.pager={{x}} log
git -c alias.x={{x}} x
git -c core.sshCommand={{x}} fetch
git --exec-path={{x}} log
git --config-env=core.pager={{x}} log
git {{x}}
git clone -u {{x}} {{y}}
git clone --upload-pack={{x}} {{y}}
git clone --upl={{x}} {{y}}
git clone -c core.hooksPath={{x}} {{y}}
git fetch --upload-pack {{x}} {{y}}
git rebase -x {{x}} {{y}}
git submodule foreach {{x}}
git bisect run {{x}}
git grep -O{{x}} {{y}}
git config core.pager {{x}}
curl -K {{x}}
wget -e {{x}} {{y}}
nc -e {{x}} host 80
socat - EXEC:{{x}}
socat - "TCP:{{x}}:80"
openssl s_client -engine {{x}}
openssl engine {{x}}
expect -c {{x}}
rg --pre {{x}} {{y}}
"#;

const STARTED: &str = r#"
env A=1 sh -c {{x}}
env -S "sh -c 'echo {{x}}'"
env -S "sh -c" {{x}}
env -S "A=1 timeout 5 sh -c" {{x}} {{y}}
env -vS "perl -e" {{x}}
env --split-string="python3 -c" {{x}}
env -i {{x}}
env {{x}} ls
env LD_PRELOAD={{x}} ls
env -u A NODE_OPTIONS=--max-old-space-size={{x}} node main.js
env PYTHONPATH=/lib:{{x}} python3 main.py
env PATH={{x}} ls
env GIT_SSH_COMMAND={{x}} git fetch
env BASH_ENV={{x}} bash ./a.sh
sudo -u {{y}} LD_LIBRARY_PATH={{x}} ls
timeout 5 {{x}} {{y}}
timeout -k 1 5 {{x}}
timeout -s {{y}} {{y}} {{x}}
timeout [[ -k {{y}} ]] 5 bash -c {{x}}
timeout 5 [[ {{x}} ]] ls
timeout 5 "{{x...}}"
timeout 5 dir/{{x}}
timeout 5 env -S "sh -c" {{x}}
nice {{x}}
nice -n 5 {{x}} {{y}}
nice --adj 5 {{x}}
nice --adjustment=5 {{x}} {{y}}
nice -5 sh -c {{x}}
ionice -c 2 -n 7 {{x}}
nohup {{x}}
setsid sh -c {{x}}
stdbuf -oL perl -e {{x}}
chrt 5 {{x}}
taskset -c 0,1 {{x}}
taskset 0x1 python3 -c {{x}}
unshare -r sh -c {{x}}
time -f %e {{x}}
busybox sh -c {{x}}
busybox {{x}}
chroot /root {{x}}
sudo -n -u root sh -c {{x}}
doas {{x}}
su -c {{x}} user
su user {{x}}
runuser -u user {{x}}
runuser user -c {{x}}
runuser user -- -c {{x}}
script out -- {{x}}
su user -c {{x}}
su - user -- -c {{x}}
runuser -u user -- sh -c {{x}}
script -qc {{x}} out
script -q out -c {{x}}
proxychains -q -f {{y}} sh -c {{x}}
systemd-run --user sh -c {{x}}
systemd-run -p ExecStartPre={{x}} ls
flock F sh -c {{x}}
flock -w 5 {{y}} {{x}}
flock {{y}} -c {{x}}
flock -n F timeout 5 nice sh -c {{x}}
strace -f -o out sh -c {{x}}
strace -o {{x}} ls
strace -e trace=open {{x}}
ltrace {{x}}
xargs -n 1 {{x}}
xargs sh -c {{x}}
xargs -0 -I R perl -e {{x}} R
parallel {{x}}
parallel -j 4 "echo {{x}}" ::: a b
parallel ::: {{x}}
watch {{x}}
watch -n 1 ls {{x}}
watch -x sh -c {{x}}
find {{y}} -name node -exec sh -c {{x}} ;
find . -exec {{x}} {} +
find . -type f -execdir perl -e {{x}} {} ;
find . -name {{y}} -ok {{x}} ;
find . -exec echo {{y}} ; -exec sh -c {{x}} ;
fd . -x sh -c {{x}}
ssh h {{x}}
ssh -p 22 {{y}} ls {{x}}
ssh -o ProxyCommand={{x}} {{y}}
ssh -F {{x}} host
ssh -l {{y}} host -- rm {{x}}
entr -s {{x}}
docker run --rm -v a:b alpine sh -c {{x}}
docker run {{x}}
docker run alpine {{x}}
docker run --entrypoint {{x}} alpine
docker run -e LD_PRELOAD={{x}} alpine ls
docker exec {{y}} {{x}}
docker exec -it {{y}} sh -c {{x}}
docker exec --detach c {{x}}
podman exec -w {{y}} c perl -e {{x}}
docker compose run web sh -c {{x}}
kubectl exec pod -c {{y}} -- sh -c {{x}}
npm exec -c {{x}}
npm exec --call={{x}}
npm exec {{x}}
npm run {{x}}
npx -c {{x}}
npx {{x}} {{y}}
npx tsx -e {{x}}
pnpm dlx {{x}}
yarn dlx {{x}}
yarn {{x}}
uv run python -c {{x}}
uv run --with {{x}} main.py
poetry run {{x}}
conda run -n {{y}} python -c {{x}}
nix-shell --run {{x}}
ip netns exec {{y}} {{x}}
bash {{x}}
bash ./{{x}}.sh {{y}}
sh -- {{x}}
python3 {{x}}
python3 -m {{x}}
perl -w {{x}}
perl -MFoo {{x}}
node -r m {{x}}
ruby {{x}} {{y}}
php -f {{x}}
java -cp lib {{x}}
deno run -A {{x}}
deno {{x}}
newlauncher --quiet sh -c {{x}}
newlauncher -u {{y}} timeout 5 perl -Mstrict -e {{x}}
direnv exec . sh -c {{x}}
perf stat sh -c {{x}}
"#;

const FINE: &str = r#"
sh -c "git log --since=\"$1\"" sh {{x}}
sh -c "git log --since=\"$1\"" "{{x}}" {{y}}
bash -euo pipefail -c x bash "{{x...}}"
sh ./run.sh -c {{x}}
sh -s {{x}}
fish --command=x {{x}}
python3 ./main.py -c {{x}}
python3 -m tool -c {{x}}
python3 -m json.tool {{x}}
python3 -c x {{x}} -m {{x}}
python3 -W ignore ./main.py {{x}}
python3 -c "f'{{{{x}}'"
node -r m main.js -e {{x}}
node -e x {{x}}
node --max-old-space-size={{x}} main.js
deno eval x {{x}}
deno run main.ts {{x}}
perl -pe s/a/b/ "dir/{{x}}.txt"
perl -e x {{x}}
perl -MFoo -e x -- {{x}}
ruby -e x {{x}}
php -r x -- {{x}}
java -jar a.jar {{x}}
java -cp lib Main {{x}}
awk -v x={{x}} -f prog.awk {{x}}
awk -v x={{x}} "{ print x }" {{x}}
awk -vx={{x}} "{ print x }" {{x}}
awk -F {{x}} "{ print $1 }" {{x}}
sed -e s/a/b/ -- {{x}}
sed -n s/a/b/p {{x}}
sed -i s/a/b/ "{{x...}}"
sed -E -e s/a/b/ -e s/c/d/ {{x}}
sqlite3 {{x}} "select 1"
psql -v x={{x}} -f ./query.sql -h {{x}}
git log --since={{x}}
git log --format={{x}} --grep={{x}} {{x}}
git log -c {{x}}
git -C {{x}} log
git -c user.name={{x}} -c user.email={{x}} commit -m {{x}}
git grep -n -e {{x}} -- {{x}}
git clone --depth 1 -b {{x}} -- {{x}} {{x}}
git config --get {{x}}
find . -name {{x}}
find {{x}} -type f -newer {{x}} -exec ls {{x}} {} ;
find . -name {{x}} -exec sh -c x sh {} {{x}} ;
make -C {{x}} build
make -j{{x}} build
tar -xf {{x}} -C {{x}}
tar xzf {{x}}
tar xf {{x}} {{x}}
tar xfC {{x}} {{x}}
tar -czf {{x}} --exclude={{x}} -- "{{x...}}"
rsync -az --exclude {{x}} {{x}} host:/
zip -r {{x}} -- {{x}}
sort -k {{x}} {{x}}
jq -c .{{x}} {{x}}
jq --arg x {{x}} .a
grep node -e {{x}}
grep -n -F -e {{x}} -- "{{x...}}"
curl -sS --max-time {{x}} {{x}}
wget -qO- {{x}}
ffmpeg -i {{x}} {{x}}
env FOO={{x}} prog {{x}}
env A=1 ./run.sh {{x}}
env -u FOO -C {{x}} prog
env GIT_AUTHOR_NAME={{x}} git commit -m {{x}}
timeout 5 curl {{x}}
timeout {{x}} curl {{x}}
timeout [[ -k {{x}} ]] 5 ls
nice -n {{x}} ls {{x}}
nice -n 10 python3 ./main.py {{x}}
ionice -c 3 tar -cf {{x}} .
flock {{x}} sh -c x sh {{x}}
flock -w {{x}} F ls {{x}}
setsid -w ls {{x}}
stdbuf -oL grep {{x}}
taskset -c {{x}} ls
su user -c ls
runuser -u {{x}} -- ls -c {{x}}
script -qc ls {{x}}
xargs -a {{x}} -n {{x}} rm --
xargs -I R echo R {{x}}
parallel -j {{x}} gzip ::: "{{x...}}"
watch -n {{x}} ls
strace -f -e trace=open ls {{x}}
gdb -batch -ex run --args ./prog {{x}}
ssh -p {{x}} {{x}} uptime
ssh -o ConnectTimeout={{x}} {{x}}
docker run --rm -v {{x}}:/data -e FOO={{x}} alpine ls {{x}}
docker run alpine:{{x}} ls
docker exec -w {{x}} {{x}} ls {{x}}
docker build -t {{x}} .
kubectl get pods -n {{x}}
kubectl exec {{x}} -- ls {{x}}
npm run build -- {{x}}
npm exec -- eslint {{x}}
npx eslint {{x}}
uv run main.py {{x}}
./run.sh sh {{x}}
./run.sh {{x}} [[ --since {{x}} ]] "{{x...}}"
cargo test -- {{x}}
printf %s {{x}}
openssl dgst -sha256 {{x}}
"#;

#[test]
fn no_argument_is_in_code() {
    for line in CODE
        .lines()
        .chain(STARTED.lines())
        .filter(|line| !line.is_empty())
    {
        assert_refused(line);
    }
}

#[test]
fn arguments_beside_code_are_fine() {
    for line in FINE.lines().filter(|line| !line.is_empty()) {
        let messages = messages(line, false);
        assert!(messages.is_empty(), "{line}: {messages:?}");
    }
}

/// With `allow_leading_dash` a value that begins a word can be an option.
#[test]
fn a_value_that_can_be_an_option_is_refused_if_options_run_code() {
    for (line, is_refused) in [
        ("tar -xf {{x}}", false),
        ("tar {{x}}", true),
        ("tar -xf a.tar {{x}}", true),
        ("tar -xf a.tar -- {{x}}", false),
        ("sed -e s/a/b/ {{x}}", true),
        ("sed -e s/a/b/ -- {{x}}", false),
        ("sed -e s/a/b/ ./{{x}}", false),
        ("git log {{x}}", false),
        ("git clone {{x}}", true),
        ("rsync \"{{x...}}\" host:", true),
        ("perl -e 1 {{x}}", true),
        ("perl -e 1 -- {{x}}", false),
        ("perl ./a.pl {{x}}", false),
        ("python3 -c 1 {{x}}", false),
        ("timeout 5 sort {{x}}", true),
        ("timeout 5 ls {{x}}", false),
        ("ls {{x}}", false),
    ] {
        let with = messages(line, true);
        assert_eq!(!with.is_empty(), is_refused, "{line}: {with:?}");
        assert!(
            messages(line, false)
                .iter()
                .all(|message| with.contains(message)),
            "{line}"
        );
    }
}

#[test]
fn faults_are_explained() {
    let lines = [
        "sh -c 'git log {{since}}'",
        "timeout 5 {{tool}}",
        "python3 {{file}}",
        "perl -{{x}} ./a.pl",
        "env LD_PRELOAD={{x}} ls",
        "git -c core.pager={{x}} log",
        "git submodule foreach {{x}}",
        "make {{x}}",
        "sqlite3 a.db {{x}}",
        "vim {{x}}",
        "tar -I {{x}} -xf a.tar",
        &format!("{} ls", "nice ".repeat(40)),
    ];
    let messages: Vec<String> = lines
        .iter()
        .map(|line| {
            let problems = problems(line, false, &Stdin::None);
            let problem = problems.iter().next().unwrap();
            let help = problem.help.as_deref().unwrap_or_default();
            format!("{line}\n    {}; {help}", problem.message)
        })
        .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

/// A command of any length, with any number of nested lists, is read in little time.
#[test]
fn a_long_command_is_read() {
    let groups = "[[ -C {{y}} ]] ".repeat(40);
    assert_refused(&format!("tar {groups}-I {{{{x}}}} -xf a.tar"));
    let spreads = "a \"{{y...}}\" ".repeat(40);
    assert_refused(&format!(
        "timeout 5 env A=1 sort {spreads} --compress-program={{{{x}}}}"
    ));
    let words = "sh ".repeat(20_000);
    assert!(messages(&format!("unknown {words}"), false).is_empty());
    let words = "env -S 'nice' ".repeat(5_000);
    assert!(!messages(&format!("{words}{{{{x}}}}"), false).is_empty());
}

#[test]
fn code_on_standard_input_is_none_of_the_arguments() {
    for (line, is_refused) in [
        ("sh", true),
        ("sh -s {{x}}", true),
        ("bash -eu -", true),
        ("sh /dev/stdin", true),
        ("env A=1 timeout 5 bash", true),
        ("python3", true),
        ("python3.12 - {{x}}", true),
        ("node", true),
        ("perl -w", true),
        ("ruby -", true),
        ("php", true),
        ("sqlite3 a.db", true),
        ("psql -h db", true),
        ("mysql -u me db", true),
        ("ssh -p 22 host", true),
        ("parallel -j 2", true),
        ("xargs", false),
        ("xargs -n 1", false),
        ("xargs sh -c", true),
        ("xargs -n 1 timeout 5", true),
        ("xargs python3", true),
        ("xargs -I R sh -c 'echo R'", true),
        ("xargs -I{} perl -e 'print q({})'", true),
        ("xargs -I {} {} a", true),
        ("xargs -i sh -c 'echo {}'", true),
        ("xargs --replace=R env A=1 sh -c 'echo R'", true),
        ("xargs -a list -I R sh -c 'echo R'", false),
        ("xargs sh -c 'echo \"$@\"' sh", false),
        ("xargs -I R echo R", false),
        ("xargs rm --", false),
        ("sh ./run.sh", false),
        ("sh -c 'cat'", false),
        ("bash --version", false),
        ("python3 -c 1", false),
        ("python3 -m json.tool", false),
        ("python3 ./main.py", false),
        ("python3 -V", false),
        ("node ./main.js -", false),
        ("node --version", false),
        ("perl -pe s/a/b/", false),
        ("sqlite3 a.db 'select 1'", false),
        ("psql -f a.sql", false),
        ("ssh host uptime", false),
        ("parallel gzip", false),
        ("jq .", false),
        ("./run.sh sh", false),
    ] {
        for stdin in [Stdin::Arguments, Stdin::Argument("x".to_owned())] {
            let problems = problems(line, false, &stdin);
            assert_eq!(!problems.is_empty(), is_refused, "{line}: {problems:?}");
        }
        assert!(messages(line, false).is_empty(), "{line}");
    }
}
