//! The programs that run code, and the programs that start other programs.
//!
//! Invariant: an entry names every option that takes code, a program, or a file that holds code. An
//! option that no list of its entry names takes no value.

use super::programs::{
    KnownProgram,
    Operands::{
        AfterDashes, Bundle, Code, Command, Container, Data, Environment, Exec, First, Joined,
        Login, Script, Setting, Shell, Subcommand,
    },
    program,
};

const SH: &str = r#"[sh, -c, '… "$1"', sh, "{{x}}"]"#;
const PYTHON: &str = r#"[python3, -c, 'import sys; … sys.argv[1]', "{{x}}"]"#;
const AWK: &str = r#"[awk, -v, "x={{x}}", '… x …']"#;
const SED: &str = AWK;
const SQL: &str =
    "let a script read the value from standard input and bind it as a parameter of the statement";

#[rustfmt::skip]
pub(super) const PROGRAMS: &[KnownProgram] = &[
    // Interpreters.
    program("sh bash dash ash zsh ksh mksh yash rbash fish csh tcsh nu elvish xonsh osh", Shell)
        .reads_code()
        .code("-c --command --commands").values("-o -O --rcfile --init-file").example(SH),
    program("pwsh powershell", Script)
        .last("-c -Command -e -ec -en -enc -EncodedCommand -f -File")
        .code("-ConfigurationFile -PSConsoleFile")
        .values("-ExecutionPolicy -ep -ex -WorkingDirectory -wd -OutputFormat -InputFormat \
            -Version -WindowStyle")
        .example(r#"[pwsh, ./run.ps1, "{{x}}"]"#),
    program("python pypy ipython", Script).reads_code().interactive("-i").last("-c -m")
        .code("-W -X").values("--check-hash-based-pycs").example(PYTHON),
    program("timeit", Code(0)).code("-s --setup").values("-n -r -u --number --repeat --unit")
        .example(PYTHON),
    program("pdb code asyncio", Script).reads_code().interactive("*").last("-m")
        .code("-c --command").example(PYTHON),
    program("coverage", Subcommand(&[program("run", Script).last("-m").code("--rcfile")
        .values("--source --omit --include --data-file --context")])),
    program("unittest", Code(0)).values("-k")
        .code("-s -t -p --start-directory --top-level-directory --pattern"),
    program("pytest py.test", Data)
        .code("-p -c -o --rootdir --confcutdir --override-ini --config-file")
        .values("-k -m -n -r --maxfail --tb --junitxml"),
    program("cProfile profile trace doctest runpy", Script).last("-m").code("-c --command")
        .values("-o -s -C -f --file --coverdir --ignore-module --ignore-dir").example(PYTHON),
    program("node nodejs tsx ts-node", Script).reads_code().exact()
        .main("-e -p --eval --print --run")
        .code("-r --require --import --loader --experimental-loader --env-file \
            --env-file-if-exists --test-reporter --experimental-config-file --snapshot-blob \
            --build-snapshot --build-snapshot-config --openssl-config \
            --experimental-default-config-file --test-global-setup")
        .interactive("-i --interactive")
        .values("-C --conditions --unhandled-rejections --redirect-warnings --disable-warning \
            --dns-result-order --max-http-header-size --input-type --title --watch-path \
            --test-name-pattern --icu-data-dir")
        .example(r#"[node, -e, '… process.argv[1]', "{{x}}"]"#),
    program("deno", Subcommand(&[
        program("eval", First).exact().code("--import-map --preload --config -c --env-file")
            .values("--ext --cert --lock"),
        program("repl", Data).code("--eval --eval-file --import-map --preload"),
        program("run test bench serve compile install x task check", Script).exact()
            .code("--import-map --preload --require --config -c --env-file --eval")
            .values("--cert --lock --location --seed --ext --filter"),
    ])).exact().code("-c --config --import-map")
        .example(r#"[deno, eval, '… Deno.args[0]', "{{x}}"]"#),
    program("bun", Subcommand(&[
        program("run test x exec create", Script).exact().main("-e --eval")
            .code("-r --preload -c --config --shell").values("--cwd --filter"),
        program("eval", First),
    ])).exact().main("-e -p --eval --print")
        .code("-r --preload --require --import -c --config --env-file").values("--cwd")
        .example(r#"[bun, -e, '… process.argv[1]', "{{x}}"]"#),
    program("perl", Script).reads_code().main("-e -E").interactive("-d").code("-M -m -I -F")
        .attached("-x").attached_code("-i -V -C -D").mode_flags("-n -p")
        .example(r#"[perl, -e, '… $ARGV[0]', "{{x}}"]"#),
    program("raku perl6", Script).reads_code().main("-e").code("-M -I").mode_flags("-n -p"),
    program("ruby jruby rake irb", Script).reads_code().main("-e --execute --execute-print")
        .code("-r -I --require --rakefile --rakelibdir -R")
        .values("-C -E --encoding --external-encoding --internal-encoding --disable --enable")
        .attached("-i -x -F").attached_code("-K -W -T")
        .example(r#"[ruby, -e, '… ARGV[0]', "{{x}}"]"#),
    program("php php-cgi", Script).reads_code()
        .main("-r -B -R -E -F -f --run --process-begin --process-code --process-end --process-file \
            --file")
        .code("-d -z -c --define --zend-extension --php-ini")
        .values("-S -t --server --docroot").example(r#"[php, -r, '… $argv[1]', --, "{{x}}"]"#),
    program("lua luajit luau", Script).reads_code().interactive("-i").main("-e").code("-l -j -b")
        .example(r#"[lua, -e, '… arg[1]', "{{x}}"]"#),
    program("Rscript R r littler", Script).main("-e -f --file").code("--default-packages")
        .example(r#"[Rscript, -e, '… commandArgs(TRUE)[1]', "{{x}}"]"#),
    program("julia", Script).reads_code().main("-e -E --eval --print")
        .code("-L -J --load --sysimage").interactive("-i").attached("--project")
        .values("--startup-file -t -p -C -O -g --threads --procs")
        .example(r#"[julia, -e, '… ARGS[1]', "{{x}}"]"#),
    program("elixir iex erl escript", Script)
        .main("-e -eval --eval --rpc-eval")
        .code("-r -S -pa -pz -pr --require -s -run -config -boot --erl --dot-iex")
        .example(r#"[elixir, -e, '… System.argv()', "{{x}}"]"#),
    program("osascript", Script).reads_code().main("-e").values("-l -s"),
    program("groovy scala kotlin jshell jrunscript ghc runghc ghci swift octave matlab", Script)
        .main("-e -r -batch -f --eval").code("-x -i").values("-l -D -cp -classpath --class-path"),
    program("guile racket sbcl clisp ecl clojure clj bb csi", Script).reads_code()
        .main("-e -c -s -x --eval --script")
        .code("-l -L -M -X -A -i -r -t --load --init --main --require -Sdeps"),
    program("tclsh wish expect", Script).reads_code().main("-c -f -b")
        .example(r#"[expect, ./run.exp, "{{x}}"]"#),
    program("java", Script)
        .last("-jar -m --module")
        .code("-cp -classpath --class-path -p --module-path --add-modules -javaagent -agentlib \
            -agentpath -Xbootclasspath -XX @").attached("-Xmx -Xms -Xss"),
    program("awk gawk mawk nawk goawk", First).main("-e -f -E --source --file --exec")
        .code("-i -l -W --include --load")
        .values("-F -v --assign --field-separator").example(AWK),
    program("sed gsed", First).main("-e -f --expression --file").values("-l --line-length")
        .attached("-i --in-place").example(SED),
    program("m4", Code(0)).reads_code().code("-D -I -R --define --include --reload-state")
        .values("-U --undefine"),
    program("bc", Code(0)).reads_code(), // Its operands are files of code.
    program("dc", Code(0)).reads_code().code("-e -f --expression --file"),
    program("gnuplot gs maxima gp xslate", Script).reads_code().main("-e -c -f --batch-string -r"),
    // Databases.
    program("sqlite3 sqlite", Code(1)).reads_code().code("-cmd -init")
        .values("-separator -newline -nullvalue -mmap -vfs -maxsize -heap").example(SQL),
    program("duckdb", Code(1)).reads_code().main("-c -s -f").code("-cmd -init")
        .values("-separator -newline -nullvalue").example(SQL),
    program("psql", Data).reads_code().main("-c -f --command --file")
        .code("-o -L --output --log-file").values("-d -h -p -U -F -P -R -T -v")
        .example(r#"[psql, -v, "x={{x}}", -f, ./query.sql] with `:'x'` in the file"#),
    program("mysql mariadb", Data).reads_code()
        .main("-e --execute")
        .code("--init-command --pager --tee --defaults-file --defaults-extra-file --plugin-dir")
        .values("-u -h -P -D -S").attached("-p").example(SQL),
    program("mongosh mongo cqlsh clickhouse-client sqlplus osql sqlcmd", Code(1)).reads_code()
        .main("--eval -e -f -c -q -Q -i --execute --file --query")
        .values("-h -p -u -n -a -d --host --port --user").example(SQL),
    program("redis-cli", Subcommand(&[program("eval EVAL evalsha EVALSHA script SCRIPT function \
            FUNCTION module MODULE config CONFIG", Code(0))]))
        .reads_code().main("--eval").values("-h -p -u -n -a -i -r -s --user --pass"),
    // Editors, pagers, debuggers.
    program("vim vi nvim view ex gvim vimdiff rvim", Data)
        .code("-c -S -s -u -U -l -t --cmd --startuptime +").values("-T -w -W -r"),
    program("less more most", Data).code("-k -K -o -p --lesskey-file --lesskey-src +"),
    program("emacs emacsclient", Data)
        .code("--eval -eval --execute -l --load -load -f --funcall -funcall --script -scriptload \
            -e -a --alternate-editor -L --directory"),
    program("ed red", Code(0)).reads_code().values("-p --prompt"), // `!command` is a file name.
    program("gdb lldb", Script)
        .code("-ex -x -ix -iex -eval-command --eval-command -command --command -init-command \
            --init-command -o -s -O -S -interpreter -data-directory --exec -se")
        .values("-p -pid --pid -cd -d -directory"),
    program("man", Data).code("-P -H --pager --html -C --config-file"),
    // Tools with options that run code.
    program("tar gtar bsdtar", Bundle)
        .code("-I -F -T --to-command --checkpoint-action --use-compress-program --rsh-command \
            --rmt-command --info-script --new-volume-script --files-from")
        .values("-f -C -b -g -H -K -L -N -V -X --file --directory --exclude --exclude-from \
            --transform --xform"),
    program("rsync", Data).code("-e -M --rsh --rsync-path --remote-option --early-exec")
        .values("-f -T -B --exclude --include --filter"),
    program("scp sftp", Data).code("-S -F -D -b -s")
        .pairs("-o", "ConnectTimeout Port User HostName ServerAliveInterval StrictHostKeyChecking \
            BatchMode").values("-i -P -J -l -c -X"),
    program("zip", Data).code("-TT --unzip-command").values("-b -n -t -tt -x -i -P"),
    program("cpio", Data).code("--rsh-command --to-command"),
    program("sort", Data).code("--compress-program").values("-k -t -o -S -T --key --output"),
    program("split", Data).code("--filter").values("-a -b -l -n -C -t"),
    program("make gmake bmake remake", Code(0)).runs_variables()
        .code("-f -I -E --file --makefile --eval --include-dir")
        .values("-C -o -W --directory --old-file --what-if").attached("-j -l -O --jobs")
        .example(r#"[sh, -c, 'case "$1" in build|test) exec make "$1";; esac', sh, "{{x}}"]"#),
    program("ninja", Data).code("-f -t").values("-C -j -k -l"),
    program("cmake", Data).code("-P -C -E --toolchain")
        .pairs("-D", "CMAKE_BUILD_TYPE CMAKE_INSTALL_PREFIX BUILD_SHARED_LIBS BUILD_TESTING")
        .values("-S -B -G --build --target --preset"),
    program("gcc g++ cc c++ clang clang++ ld", Data)
        .code("-B -specs -fplugin -wrapper -plugin -Xlinker -Wl -fuse-ld --specs -T @")
        .values("-o -I -D -U -L -l -x -isystem -iquote -idirafter -MF -MT -MQ").attached("-O"),
    program("rustc", Data).code("-C --codegen --sysroot @")
        .values("-o -L -l --out-dir --crate-name --crate-type --edition --emit --target"),
    program("cargo", Subcommand(&[program("run build test", Data).code("--config")])).inherited()
        .code("--config").values("--color -Z"),
    program("go", Subcommand(&[
        program("run generate tool", Script)
            .code("-exec -toolexec -overlay -modfile -ldflags -gcflags -C"),
        program("build test vet install get", Data)
            .code("-exec -toolexec -vettool -overlay -modfile -ldflags -gcflags"),
    ])),
    program("rpm rpmbuild", Data).code("-E --eval --pipe --define -D --rcfile --macros --load"),
    program("apt apt-get aptitude dpkg", Data)
        .code("-o -c --option --config-file --pre-invoke --post-invoke"),
    program("nmap", Data).code("--script --script-args --script-args-file --datadir"),
    program("tcpdump tshark wireshark dumpcap", Data).code("-z -X"),
    program("openssl", Subcommand(&[program("engine", Code(0)),
        program("s_client s_server s_time req x509 dgst enc rsa pkey pkcs12 ca cms smime genpkey \
            genrsa pkeyutl rand ts verify ocsp crl speed", Data)
        .code("-engine -provider -provider-path -config -engine_impl")])),
    program("ssh-keygen ssh-add", Data).code("-D -P -w -s"),
    program("nc ncat netcat", Data).code("-e -c --sh-exec --exec --lua-exec"),
    program("socat", Code(0)),
    program("curl", Data).code("-K --config --engine").values("-o --output"),
    program("wget", Data).code("-e --execute --use-askpass --config")
        .values("-O --output-document"),
    program("fzf", Data).code("--preview --bind --with-shell"),
    program("rg ripgrep", Data).code("--pre --hostname-bin").values("-e -g -f --regexp"),
    program("gpg gpg2", Data)
        .code("--options --photo-viewer --agent-program --dirmngr-program --keyserver-options \
            --exec-path"),
    program("logrotate", Code(0)).code("-m --mail"),
    program("zsh-defer eval", Joined(0)).example(SH),
    program("git", Subcommand(GIT)).exact()
        .pairs("-c", GIT_KEYS)
        .code("--exec-path --config-env")
        .values("-C --git-dir --work-tree --namespace --super-prefix"),
    program("svn hg bzr", Data)
        .code("--config --config-option --ssh --remotecmd --editor-cmd --diff-cmd --diff3-cmd -e"),
    // Programs that start the program of their words.
    program("env genv", Environment).code("-S -P --split-string")
        .values("-u -C -a --unset --chdir --argv0"),
    program("cross-env cross-env-shell", Environment),
    program("sudo", Environment).reads_code()
        .values("-u -g -h -p -C -r -t -T -U -D -R --user --group --host --prompt --chdir --role \
            --type --close-from --command-timeout"),
    program("doas pkexec", Command(0)).reads_code().values("-u -C -a --user"),
    program("timeout gtimeout", Command(1)).values("-k -s --kill-after --signal"),
    program("nice", Command(0)).values("-n --adjustment"),
    program("ionice", Command(0)).values("-c -n -p -P -u --class --classdata"),
    program("nohup setsid exec command builtin eatmydata dbus-run-session torsocks torify unbuffer \
            chronic choom uclampset tini dumb-init dotenv hyperfine nodemon ssh-agent", Command(0))
        .values("-n -p -m -M -e -f"),
    program("fakeroot", Command(0)).reads_code().values("-l -s -i -b --lib --faked"),
    program("rlwrap", Command(0)).code("-z").values("-f -b -C -H -s -P -q -S -l"),
    program("numactl", Command(0))
        .values("-i -m -N -C -p -l --interleave --membind --cpunodebind --physcpubind --preferred"),
    program("gosu", Command(1)),
    program("sg", Login(1)).reads_code().main("-c").example(SH),
    program("newgrp", Data).reads_code(),
    program("start-stop-daemon", Command(0)).code("-x -a --exec --startas")
        .values("-n -p -u -c -g -s -R -d --name --pidfile --user --chuid --group --signal --retry \
            --chdir"),
    program("run-parts", Code(0)),
    program("sshpass", Command(0)).values("-p -f -d -P"),
    program("mpirun mpiexec srun", Command(0))
        .values("-n -np -N -c -p -t -J -w --host --hostfile --ntasks --nodes --time"),
    program("apptainer singularity", Subcommand(&[program("exec", Container)
        .values("-B -H -W --bind --home --pwd"), program("run shell", Container)])),
    program("just task", Code(0))
        .code("-f -d -t --justfile --working-directory --taskfile --dir --shell --set"),
    program("pandoc", Data).code("-F -L -d --filter --lua-filter --defaults --pdf-engine")
        .values("-f -t -o --from --to --output"),
    program("linux64 linux32 i386 i486 i586 i686 x86_64 aarch64 armv7l uname26 setarch", Command(0))
        .reads_code(),
    program("ld.so ld-linux ld-linux-x86-64.so ld-linux-aarch64.so ld-musl-x86_64.so", Command(0))
        .code("--preload --audit --library-path").values("--argv0 --inhibit-rpath"),
    program("proxychains busybox toybox catchsegv", Command(0)).values("-f"),
    program("stdbuf", Command(0)).values("-i -o -e --input --output --error"),
    program("time gtime", Command(0)).values("-f -o --format --output"),
    program("chrt", Command(1)).values("-T -P -D --sched-runtime --sched-period --sched-deadline"),
    program("taskset", Command(1)),
    program("chroot", Command(1)).reads_code().values("--userspec --groups"),
    program("unshare", Command(0)).reads_code()
        .values("-S -G -R -w -l --setuid --setgid --root --wd --propagation --setgroups --map-user \
            --map-group --map-users --map-groups"),
    program("nsenter", Command(0)).reads_code().values("-t -S -G --target --setuid --setgid"),
    program("runcon", Command(1)).mode_flags("-u -r -t -l --user --role --type --range")
        .values("-u -r -t -l --user --role --type --range"),
    program("faketime", Command(1)),
    program("xvfb-run", Command(0))
        .values("-e -f -n -p -s -w --error-file --auth-file --server-num --xauth-protocol \
            --server-args --wait"),
    program("setpriv prlimit firejail", Command(0)).reads_code()
        .values("-u -t -r -l -n -s -f --reuid --regid --groups --inh-caps --ambient-caps \
            --bounding-set --server-args"),
    program("capsh", Login(0)).main("-c"),
    program("bwrap", Command(0))
        .two_values("--bind --bind-try --dev-bind --dev-bind-try --ro-bind --ro-bind-try --bind-fd \
            --ro-bind-fd --file --bind-data --ro-bind-data --symlink --setenv --chmod")
        .code("--args")
        .values("--chdir --uid --gid --hostname --unsetenv --proc --dev --tmpfs --mqueue --dir \
            --perms --size --lock-file --cap-add --cap-drop --remount-ro"),
    program("systemd-run systemd-inhibit", Command(0)).code("-p --property")
        .pairs("-E --setenv", "")
        .values("-u -M -H -d --unit --slice --uid --gid --nice --working-directory --description \
            --on-active --on-calendar --what --who --why --mode"),
    program("flock", Command(1)).code("-c --command")
        .values("-w -E --wait --timeout --conflict-exit-code").example(SH),
    program("strace", Command(0)).code("-o --output --env").pairs("-E", "")
        .values("-e -s -p -u -P -O -S -a -b -I -X -U --trace --string-limit --attach --user \
            --columns"),
    program("ltrace", Command(0)).code("-o -F --output --config")
        .values("-e -l -x -p -s -u -n -a -A -D -w"),
    program("valgrind heaptrack", Command(0)),
    program("perf", Subcommand(&[program("stat record trace", Command(0))
        .values("-e -o -F -p -t -c -r --event --output --call-graph")])),
    program("xargs gxargs", Command(0))
        .values("-a -d -E -I -L -n -P -s --arg-file --delimiter --max-args --max-lines --max-procs \
            --max-chars")
        .attached("-i -l -e --replace"),
    program("find gfind", Exec).code("-exec -execdir -ok -okdir"),
    program("fd fdfind", Exec).code("-x -X --exec --exec-batch"),
    program("entr", Command(0)).code("-s"),
    program("watch", Joined(0)).mode_flags("-x --exec").values("-n -q --interval --equexit")
        .example(SH),
    program("parallel sem", Joined(0)).reads_code()
        .code("-S --sshlogin --ssh --rpl --tmux --profile -J --sshloginfile --parset")
        .values("-j -N -n -L -P -a -I -d --jobs --max-args --arg-file --colsep --delay --timeout")
        .example(r#"[parallel, COMMAND, ":::", "{{x...}}"]"#),
    program("ssh mosh autossh", Joined(1)).reads_code().code("-F -I -S --ssh --client --server")
        .pairs("-o", "ConnectTimeout Port User HostName ServerAliveInterval ServerAliveCountMax \
            StrictHostKeyChecking BatchMode LogLevel IdentityFile UserKnownHostsFile")
        .values("-b -c -D -E -e -i -J -L -l -m -O -p -P -Q -R -W -w -B")
        .example("send the value on standard input: a shell of the other machine reads all words"),
    program("tmux screen xterm at batch crontab", Joined(0)).code("-e -c -f -S")
        .values("-t -s -n -L"),
    program("runuser", Login(1)).mode_flags("-u --user")
        .code("-c -s --command --session-command --shell")
        .values("-g -G -w -u --user --group --supp-group").example(SH),
    program("su", Login(1)).reads_code().main("-c --command --session-command").code("-s --shell")
        .values("-g -G -w -u --user --group --supp-group").example(SH),
    program("script scriptlive", Login(1)).reads_code().main("-c --command")
        .values("-E -I -O -B -T -m -o --echo --log-in --log-out --log-io --log-timing \
            --output-limit").example(SH),
    program("ip", Subcommand(&[program("netns vrf", Command(2))])).values("-n -netns -rcvbuf")
        .code("-b -batch"),
    program("docker podman nerdctl", Subcommand(DOCKER)).exact()
        .values("-H -l -c --context --host --log-level --config --tlscacert --tlscert --tlskey"),
    program("docker-compose podman-compose", Subcommand(COMPOSE)).exact()
        .code("-f --file --env-file").values("-p --project-name --profile"),
    program("kubectl oc", Subcommand(&[
        program("exec", Command(1)).exact()
            .values("-c -n -f --container --namespace --context --kubeconfig"),
        program("run debug", Command(1)).exact().code("--image --overrides").pairs("--env", "")
            .values("-n -l --namespace --labels --restart"),
    ])).exact().values("-n -s -v --namespace --context --cluster --user").code("--kubeconfig"),
    program("flatpak snap", Subcommand(&[program("run", Container).code("--command")])),
    program("npm", Subcommand(NPM)).exact().inherited()
        .values("-w --loglevel --registry --cache --prefix --workspace")
        .code("--script-shell --node-options --shell --git --globalconfig --userconfig"),
    program("pnpm yarn", Subcommand(NPM)).exact().inherited()
        .values("-C --loglevel --registry --cache -F --dir --filter --cwd")
        .code("--script-shell --node-options --use-yarnrc --pnpmfile"),
    program("npx bunx pnpx", Command(0)).exact()
        .code("-c -p --call --package --node-options --shell")
        .values("-w --loglevel --registry --cache --workspace"),
    program("uv poetry pipenv pdm rye hatch pixi conda mamba micromamba rbenv pyenv asdf bundle \
            pipx nix opam stack cabal", Subcommand(RUNNERS)).exact()
        .values("-C -p --color --project --directory --config-file").code("--config --option"),
    program("rustup", Subcommand(&[program("run", Command(1)).exact()])),
    program("direnv", Subcommand(&[program("exec", Command(1)).exact()])),
    program("mise", Subcommand(&[program("exec x", AfterDashes).exact().code("-c --command")]))
        .values("-C --cd"),
    program("uvx", Command(0)).exact().code("--with --with-editable --from -p --python")
        .values("--index-url --directory"),
    program("nix-shell", Data).code("-p -E -I --run --command --expr --packages")
        .values("-A --attr"),
];

/// Keys of git whose value is no code.
pub(super) const GIT_KEYS: &str = "\
    user.name user.email author.name author.email committer.name committer.email color.ui \
    core.quotepath core.abbrev core.quotePath init.defaultBranch log.date safe.directory";

#[rustfmt::skip]
const GIT: &[KnownProgram] = &[
    program("clone", Data).code("-u --upload-pack --template")
        .pairs("-c --config", "user.name user.email")
        .values("-b -o -j --branch --depth --origin --reference --filter --separate-git-dir"),
    program("fetch pull ls-remote fetch-pack", Data).code("--upload-pack --exec")
        .values("-j -o --depth --server-option"),
    program("push send-pack", Data).code("--receive-pack --exec").values("-o --repo --push-option"),
    program("init", Data).code("--template").values("-b --initial-branch --separate-git-dir"),
    program("archive", Data).code("--exec").values("-o --remote --format --prefix --output"),
    program("rebase", Data).code("-x --exec").values("-s -X --onto --strategy"),
    program("grep", Data).code("-O --open-files-in-pager").values("-e -f -A -B -C -m"),
    program("difftool mergetool", Data).code("-x -t --extcmd --tool"),
    program("filter-branch", Data)
        .code("--setup --env-filter --tree-filter --index-filter --parent-filter --msg-filter \
            --commit-filter --tag-name-filter"),
    program("submodule", Subcommand(&[program("foreach", Joined(0)), program("add update", Data)])),
    program("bisect", Subcommand(&[program("run", Command(0))])),
    program("config", Setting),
    program("send-email", Data).code("--smtp-server --sendmail-cmd --to-cmd --cc-cmd"),
];

#[rustfmt::skip]
const DOCKER: &[KnownProgram] = &[
    program("run create", Container).exact().code("--entrypoint").pairs("-e --env", "")
        .values(DOCKER_VALUES),
    program("exec", Command(1)).exact().pairs("-e --env", "")
        .values("-w -u --env-file --workdir --user --detach-keys"),
    program("build buildx", Data).exact().code("-f --file --build-context"),
    program("compose", Subcommand(COMPOSE)).exact().code("-f --file --env-file")
        .values("-p --project-name --profile --project-directory"),
    program("container", Subcommand(&[
        program("run create", Container).exact().code("--entrypoint").pairs("-e --env", "")
            .values(DOCKER_VALUES),
        program("exec", Command(1)).exact().pairs("-e --env", "")
            .values("-w -u --env-file --workdir --user --detach-keys"),
    ])),
];

const DOCKER_VALUES: &str = "\
    -v -w -u -p -h -m -l -c -a --name --network --net --mount --env-file --volume --volumes-from \
    --workdir --user --publish --hostname --label --memory --cpus --cpu-shares --platform \
    --add-host --cap-add --cap-drop --device --restart --ulimit --security-opt --tmpfs --shm-size \
    --cidfile --gpus --log-driver --log-opt --ip --dns --pid --ipc --runtime --pull --pids-limit \
    --stop-timeout --userns --annotation --cpuset-cpus --expose --group-add --init-path";

#[rustfmt::skip]
const COMPOSE: &[KnownProgram] = &[
    program("run", Command(1)).exact().code("--entrypoint").pairs("-e --env", "")
        .values("-v -w -u -p --name --volume --workdir --user --publish --label"),
    program("exec", Command(1)).exact().pairs("-e --env", "")
        .values("-w -u --workdir --user --index"),
];

#[rustfmt::skip]
const NPM: &[KnownProgram] = &[
    program("exec x dlx", Command(0)).exact().code("-c -p --call --package")
        .values("-w --workspace"),
    program("run run-script rum urn init create node", Script).exact().values("-w --workspace"),
    program("explore", Joined(1)).exact(),
];

#[rustfmt::skip]
const RUNNERS: &[KnownProgram] = &[
    program("run", Command(0)).exact()
        .code("--with --with-requirements --with-editable --script -s --env-file --python")
        .values("-n -p -e -c --name --prefix --cwd --extra --group --package --project --directory \
            --index-url"),
    program("exec", Command(0)).exact().values("-C --dir"),
    program("tool", Subcommand(&[program("run", Command(0)).exact()
        .code("--with --from --python -p")])),
    program("shell develop", Data).exact().code("-c -I -f --command --expr --file"),
];
