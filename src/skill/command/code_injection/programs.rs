//! How a program that runs code, or starts other programs, reads its command line.

/// How one program reads its command line. The lists hold words separated by spaces.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about a program"
)]
pub(super) struct KnownProgram {
    /// Its names, without a version at the end.
    pub(super) names: &'static str,
    /// Options whose value is the code to run, or a file that holds it: no operand is code then.
    pub(super) main: &'static str,
    /// As `main`, and all that follows the value belongs to the code.
    pub(super) last: &'static str,
    /// Options whose value names or holds other code or programs. A single character begins a word.
    pub(super) code: &'static str,
    /// Options with any other value.
    pub(super) values: &'static str,
    /// Options with two values.
    pub(super) two_values: &'static str,
    /// Options whose value is the rest of their word, if there is one.
    pub(super) attached: &'static str,
    /// As `attached`, and the rest of the word can resume further options.
    pub(super) attached_code: &'static str,
    /// Options that take `KEY=VALUE`, and the keys whose value is no code.
    pub(super) pairs: &'static str,
    pub(super) safe_keys: &'static str,
    /// Flags that change what operands are: `perl -n` opens them by a shell, `watch -x` starts
    /// them.
    pub(super) mode_flags: &'static str,
    /// Without code in its words, it reads code from standard input.
    pub(super) reads_code: bool,
    /// Flags with which it reads code from standard input also behind the code of its words.
    pub(super) interactive: &'static str,
    /// It reads every variable as code.
    pub(super) runs_variables: bool,
    /// The long options that take code count also behind a subcommand.
    pub(super) is_inherited: bool,
    /// Long options may not be abbreviated.
    pub(super) is_exact: bool,
    pub(super) operands: Operands,
    /// How a manifest passes a value instead.
    pub(super) example: &'static str,
}

/// What the words that are no options mean.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operands {
    /// They are data. Options may follow them.
    Data,
    /// The first word is a bundle of options without a dash, whose values follow: `tar cf FILE`.
    Bundle,
    /// Those from this one on are code.
    Code(usize),
    /// The first one is code, unless an option gave it.
    First,
    /// The first one is a file of code, unless an option gave the code. The others belong to the
    /// code.
    Script,
    /// `sh -c -e CODE`: with `-c` the first one is code, else a file of code.
    Shell,
    /// After so many of them comes a script; options are also read after `--`. With a mode flag as
    /// `Command(0)`.
    Login(usize),
    /// After so many of them comes a program with its own words.
    Command(usize),
    /// Those after `--` are a program with its own words; those before it say what it is.
    AfterDashes,
    /// `git config KEY VALUE`
    Setting,
    /// The first one is an image to run, then as `Command(0)`.
    Container,
    /// Assignments of variables, then as `Command(0)`.
    Environment,
    /// After so many of them come words that become one text for a shell.
    Joined(usize),
    /// The options of `code` are followed by a program with its own words, until `;` or `+`.
    Exec,
    /// The first one says how the others are read. One that is not listed takes data.
    Subcommand(&'static [KnownProgram]),
}

pub(super) const fn program(names: &'static str, operands: Operands) -> KnownProgram {
    KnownProgram {
        names,
        main: "",
        last: "",
        code: "",
        values: "",
        two_values: "",
        attached: "",
        attached_code: "",
        pairs: "",
        safe_keys: "",
        mode_flags: "",
        reads_code: false,
        interactive: "",
        runs_variables: false,
        is_inherited: false,
        is_exact: false,
        operands,
        example: "",
    }
}

impl KnownProgram {
    pub(super) const fn main(mut self, main: &'static str) -> Self {
        self.main = main;
        self
    }

    pub(super) const fn code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    pub(super) const fn last(mut self, last: &'static str) -> Self {
        self.last = last;
        self
    }

    pub(super) const fn values(mut self, values: &'static str) -> Self {
        self.values = values;
        self
    }

    pub(super) const fn two_values(mut self, values: &'static str) -> Self {
        self.two_values = values;
        self
    }

    pub(super) const fn attached(mut self, attached: &'static str) -> Self {
        self.attached = attached;
        self
    }

    pub(super) const fn attached_code(mut self, attached: &'static str) -> Self {
        self.attached_code = attached;
        self
    }

    pub(super) const fn interactive(mut self, flags: &'static str) -> Self {
        self.interactive = flags;
        self
    }

    pub(super) const fn runs_variables(mut self) -> Self {
        self.runs_variables = true;
        self
    }

    pub(super) const fn inherited(mut self) -> Self {
        self.is_inherited = true;
        self
    }

    pub(super) const fn pairs(mut self, pairs: &'static str, safe_keys: &'static str) -> Self {
        self.pairs = pairs;
        self.safe_keys = safe_keys;
        self
    }

    pub(super) const fn mode_flags(mut self, flags: &'static str) -> Self {
        self.mode_flags = flags;
        self
    }

    pub(super) const fn reads_code(mut self) -> Self {
        self.reads_code = true;
        self
    }

    pub(super) const fn exact(mut self) -> Self {
        self.is_exact = true;
        self
    }

    pub(super) const fn example(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    /// True if a value that becomes an option can run code.
    pub(super) fn has_code_options(&self) -> bool {
        let lists = [
            self.main,
            self.last,
            self.code,
            self.pairs,
            self.attached_code,
        ];
        lists.iter().any(|list| !list.is_empty())
    }
}

/// Finds an entry by the name of a file, with or without a version: `python3.12` is a `python`.
pub(super) fn find(programs: &'static [KnownProgram], name: &str) -> Option<&'static KnownProgram> {
    let without_version =
        name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    programs.iter().find(|program| {
        let mut names = program.names.split_whitespace();
        names.any(|known| known == name || known == without_version)
    })
}

/// True for a program that starts no other, whatever its words are.
pub(super) fn is_plain(name: &str) -> bool {
    PLAIN.split_whitespace().any(|plain| plain == name)
}

/// True for a variable that makes programs load or run what it names.
pub(in crate::skill) fn is_code_variable(name: &str) -> bool {
    let is_harmless = HARMLESS_VARIABLES
        .split_whitespace()
        .any(|harmless| name.starts_with(harmless));
    let names = CODE_VARIABLES.split_whitespace();
    !is_harmless
        && names.into_iter().any(|code| match code.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == code,
        })
}

const PLAIN: &str = "\
    [ ack ag base64 basename cat cksum cmp comm cp curl cut date df diff dirname du echo egrep \
    expr false fgrep file fold grep head hostname id join jq ln ls md5sum mkdir mktemp mv nl od \
    paste printf pwd readlink realpath rg rm rmdir seq sha1sum sha256sum sha512sum shuf sleep stat \
    strings tac tail tee test touch tr tree true truncate uname uniq wc which yes yq";

/// A `*` ends a name that only begins so.
const CODE_VARIABLES: &str = "\
    BASH_* BROWSER BUNDLE_* CARGO_* CLASSPATH CORECLR_* DENO_* DOTNET_* DYLD_* EDITOR \
    EMACSLOADPATH ENV ERL_* EXINIT GCONV_PATH GEM_* GIT_* GNUMAKEFLAGS HOME IFS INPUTRC JAVA_* \
    JDK_* JULIA_* LD_* LESS* LUA* MAKEFILES MAKEFLAGS MANPAGER MYSQL_* NODE_* NPM_* npm_* \
    OPENSSL_* PAGER PATH PERL* PHPRC PHP_* PIP_* PROMPT_COMMAND PS4 PSQLRC PSQL_* PYTHON* R_* \
    RIPGREP_CONFIG_PATH RSYNC_* RUBY* RUST* SHELL SHELLOPTS SSH_* SUDO_* TAR_OPTIONS UV_* VIMINIT \
    VISUAL XDG_* ZDOTDIR ZIPOPT _JAVA_OPTIONS AWKPATH AWKLIBPATH TERMINFO TERMINFO_DIRS MAGICK_* \
    LIBRARY_PATH COMPILER_PATH GCC_* CC CXX GOFLAGS AWS_PAGER SYSTEMD_PAGER KUBECONFIG";

/// Beginnings of names that are no code although `CODE_VARIABLES` has them.
const HARMLESS_VARIABLES: &str = "\
    CARGO_TERM_ GIT_AUTHOR_ GIT_COMMITTER_ LESSCHARSET NODE_ENV PYTHONHASHSEED PYTHONIOENCODING \
    PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE PYTHONUTF8 RUST_BACKTRACE RUST_LOG";
