//! The seccomp filter.
//!
//! Invariant: it is a deny-list, so a program that needs a new system call keeps working. A system
//! call is on the list if it bypasses the other layers (sockets that Landlock does not see, rings
//! that run system calls themselves, namespaces, mounts, other processes' memory) or exposes a
//! large part of the kernel to a process that has no use for it. A system call of another
//! architecture kills the process: the list has no numbers for it. The x32 calls, which are the
//! same calls with other numbers, and those in [`UNSUPPORTED`] fail as on a system without them,
//! because programs have a fallback for that.
//!
//! Arguments are compared as the kernel reads them: 32 bits where it takes an `int`. A filter that
//! compares all 64 bits of TIOCSTI can be bypassed (CVE-2019-10063).

use std::collections::BTreeMap;
use std::io;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

use super::Network;

#[cfg(target_arch = "x86_64")]
const ARCH: (TargetArch, u32) = (TargetArch::x86_64, 0xC000_003E);
#[cfg(target_arch = "aarch64")]
const ARCH: (TargetArch, u32) = (TargetArch::aarch64, 0xC000_00B7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("obs confines skills on x86_64 and aarch64 only: its filter knows their numbers");

/// Numbers from here on belong to x32; no architecture has that many of its own.
const X32: u32 = 0x4000_0000;

/// These are too new for libc, at least on some targets. New calls have the same number everywhere.
const SYS_OPEN_TREE_ATTR: c_long = 467;
const SYS_FCHMODAT2: c_long = 452;
const SYS_SETXATTRAT: c_long = 463;
const SYS_REMOVEXATTRAT: c_long = 466;
const SYS_FILE_SETATTR: c_long = 469;
#[cfg(target_arch = "x86_64")]
const SYS_KEXEC_FILE_LOAD: c_long = 320;
#[cfg(target_arch = "aarch64")]
const SYS_KEXEC_FILE_LOAD: c_long = 294;

/// Denied with any arguments.
const DENIED: &[c_long] = &[
    // Rings run system calls without the filter.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_setns,
    // Mounts.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    SYS_OPEN_TREE_ATTR,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    // Opens a file by its number, without any directory.
    libc::SYS_open_by_handle_at,
    // Keys belong to the user, not to the process.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // System V and POSIX objects: they have no path that Landlock could check, are shared with all
    // processes of the user, and outlive the tree with their memory.
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    // Attributes of files by path, which Landlock does not check.
    SYS_FILE_SETATTR,
    // Events of files: Landlock does not check the watched path. Every user may use it since Linux
    // 5.13.
    libc::SYS_fanotify_init,
    // Programs and memory in the kernel.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    SYS_KEXEC_FILE_LOAD,
    // The machine.
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
];

/// Fail with the error of a system without them, with any arguments.
///
/// - `clone3`: its flags are behind a pointer. glibc, musl, Go and Rust use `clone` instead.
/// - `inotify_init`: a watch takes a path that Landlock does not check, so it shows the names of
///   files in any directory of the user, as they appear, and each access to them. `tail -f`, glib,
///   Gradle, TypeScript and watchfiles poll instead; `fs.watch` of Node.js and `WatchService` of
///   Java report an error.
/// - `setxattr`: extended attributes by path, which Landlock does not check either. `cp -a`,
///   `install` and `tar` set the access list of each file that they make. They set its mode instead
///   if the file system has no such attributes, and fail on any other error.
/// - `openat2`: its mode is behind a pointer. No libc calls it by itself; gnulib (tar, coreutils),
///   cap-std, libpathrs and systemd resolve the path with `openat` instead.
const UNSUPPORTED: &[(c_long, i32)] = &[
    (libc::SYS_clone3, libc::ENOSYS),
    (libc::SYS_openat2, libc::ENOSYS),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_inotify_init, libc::ENOSYS),
    (libc::SYS_inotify_init1, libc::ENOSYS),
    (libc::SYS_setxattr, libc::ENOTSUP),
    (libc::SYS_lsetxattr, libc::ENOTSUP),
    (libc::SYS_fsetxattr, libc::ENOTSUP),
    (SYS_SETXATTRAT, libc::ENOTSUP),
    (libc::SYS_removexattr, libc::ENOTSUP),
    (libc::SYS_lremovexattr, libc::ENOTSUP),
    (libc::SYS_fremovexattr, libc::ENOTSUP),
    (SYS_REMOVEXATTRAT, libc::ENOTSUP),
];

/// Namespaces. `CLONE_NEWTIME` works with `unshare` only, because `clone` reads a signal number
/// there.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];
const CLONE_NEWTIME: i32 = 0x80;

/// These inject input into a terminal (`TIOCSTI`, and the console's `TIOCLINUX`).
const INJECT_INPUT: [i32; 2] = [0x5412, 0x541C];

/// Installs the filter permanently on this thread and everything that it starts. Set
/// `denies_truncate` if the kernel's Landlock does not deny it.
pub(super) fn install(network: &Network, denies_truncate: bool) -> io::Result<()> {
    let program = program(network, denies_truncate).map_err(io::Error::other)?;
    seccompiler::apply_filter(&program).map_err(|error| match error {
        seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error) => error,
        other => io::Error::other(other),
    })
}

fn program(network: &Network, denies_truncate: bool) -> Result<BpfProgram, String> {
    let mut rules = Rules::default();
    for number in DENIED {
        rules.deny(*number);
    }
    if denies_truncate {
        rules.deny(libc::SYS_truncate);
    }
    for flag in NAMESPACES {
        rules.deny_if(libc::SYS_clone, vec![has(0, flag)]);
        rules.deny_if(libc::SYS_unshare, vec![has(0, flag)]);
    }
    rules.deny_if(libc::SYS_unshare, vec![has(0, CLONE_NEWTIME)]);
    for request in INJECT_INPUT {
        rules.deny_if(libc::SYS_ioctl, vec![is(1, request)]);
    }
    deny_set_id(&mut rules);
    deny_by_read_only_descriptor(&mut rules);
    deny_others(&mut rules);
    deny_sockets(&mut rules, network);
    let filter = SeccompFilter::new(
        rules.chains()?,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        ARCH.0,
    )
    .map_err(|error| error.to_string())?;
    let filter: BpfProgram = filter
        .try_into()
        .map_err(|error: seccompiler::BackendError| error.to_string())?;
    // Jumps are relative, so programs can be concatenated.
    let mut program = prologue();
    program.extend(filter);
    Ok(program)
}

/// Denies creating set-ID programs (systemd's `RestrictSUIDSGID`).
///
/// `mkdir` is not in the list: the kernel drops both bits from its mode (`vfs_prepare_mode`). A
/// directory created in a set-group-ID directory still inherits that bit, which sets the group of
/// new files and gives no program any rights.
fn deny_set_id(rules: &mut Rules) {
    let modes = [
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_chmod, 1),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_mknod, 1),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_creat, 1),
        (libc::SYS_fchmod, 1),
        (libc::SYS_fchmodat, 2),
        (SYS_FCHMODAT2, 2),
        (libc::SYS_mknodat, 2),
    ];
    // The kernel reads the mode only if one of these flags is set. Without them, callers leave it
    // undefined.
    let opens = [
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_open, 1, 2),
        (libc::SYS_openat, 2, 3),
    ];
    for bit in [libc::S_ISUID, libc::S_ISGID].map(u32::cast_signed) {
        for (number, mode) in modes {
            rules.deny_if(number, vec![has(mode, bit)]);
        }
        for (number, flags, mode) in opens {
            for creates in [libc::O_CREAT, TMPFILE] {
                rules.deny_if(number, vec![has(flags, creates), has(mode, bit)]);
            }
        }
    }
}

/// The bit of `O_TMPFILE` that is not `O_DIRECTORY`.
const TMPFILE: i32 = 0o20_000_000;

/// Denies calls that change a file through a descriptor that may be read-only, so that a read grant
/// would be enough. Landlock checks `ioctl` for devices only.
fn deny_by_read_only_descriptor(rules: &mut Rules) {
    for (kind, allowed) in FILE_SYSTEM_IOCTLS {
        let mut denied = vec![masked(1, IOCTL_TYPE, kind << 8)];
        denied.extend(
            allowed
                .iter()
                .map(|request| is_not(1, request.cast_signed())),
        );
        rules.deny_if(libc::SYS_ioctl, denied);
    }
    rules.deny_if(libc::SYS_ioctl, vec![masked(1, XFS_WRITES.0, XFS_WRITES.1)]);
    for request in SET_FILE_ATTRIBUTES {
        rules.deny_if(libc::SYS_ioctl, vec![is(1, request)]);
    }
    // The next process that opens the file waits until the lease is released, for up to 45 s.
    rules.deny_if(libc::SYS_fcntl, vec![is(1, libc::F_SETLEASE)]);
    rules.deny_if(libc::SYS_fcntl, vec![is(1, F_SETDELEG)]);
}

/// The part of an ioctl number that identifies its owner.
const IOCTL_TYPE: u32 = 0xFF00;

/// Types of ioctls on files, with the requests of each that are allowed. These only read
/// (`GETFLAGS`, `FIEMAP`; `GETFSLABEL`), or write only through a descriptor for writing (`FICLONE`,
/// `FICLONERANGE`, `FIDEDUPERANGE`: copies that share blocks). The others change attributes
/// (`SETFLAGS`), make a file read-only permanently (`ENABLE_VERITY`), encrypt a directory, or
/// create subvolumes.
const FILE_SYSTEM_IOCTLS: [(u32, &[u32]); 4] = [
    // All file systems and ext4: 'f'.
    (0x66, &[0x8008_6601, 0xC020_660B]),
    // All file systems and btrfs.
    (0x94, &[0x4004_9409, 0x4020_940D, 0xC018_9436, 0x8100_9431]),
    // f2fs.
    (0xF5, &[]),
    // bcachefs.
    (0xBC, &[]),
];

/// Mask and value of the ioctls of type 'X' that only write: XFS, and `FSSETXATTR` of all file
/// systems.
const XFS_WRITES: (u32, u32) = (0xC000_FF00, 0x4000_5800);

/// `FS_IOC_SETVERSION` and `FAT_IOCTL_SET_ATTRIBUTES`.
const SET_FILE_ATTRIBUTES: [i32; 2] = [0x4008_7602, 0x4004_7211];

/// A lease on a directory or file (Linux 6.19).
const F_SETDELEG: i32 = 1040;

/// Denies calls that take the id of another process and check only that it has the same user: a
/// limit on CPU time kills it, the policy `SCHED_IDLE` or a single CPU slows it down permanently.
/// Landlock checks only signals.
///
/// A thread may change itself with the id 0, but not with its own id, because a filter can't know
/// whose id it is: `pthread_setaffinity_np`, `pthread_setschedparam` and `setpriority(PRIO_PROCESS,
/// gettid())` fail. A process group of 0 is that of the caller, which is within the skill's
/// session.
fn deny_others(rules: &mut Rules) {
    rules.deny_if(libc::SYS_prlimit64, vec![is_not(0, 0), is_given(2)]);
    for number in [
        libc::SYS_sched_setparam,
        libc::SYS_sched_setscheduler,
        libc::SYS_sched_setattr,
        libc::SYS_sched_setaffinity,
        libc::SYS_migrate_pages,
        libc::SYS_move_pages,
    ] {
        rules.deny_if(number, vec![is_not(0, 0)]);
    }
    for (number, user) in [
        (libc::SYS_setpriority, PRIO_USER),
        (libc::SYS_ioprio_set, IOPRIO_WHO_USER),
    ] {
        rules.deny_if(number, vec![is(0, user)]);
        rules.deny_if(number, vec![is_not(1, 0)]);
    }
}

const PRIO_USER: i32 = 2;
const IOPRIO_WHO_USER: i32 = 3;

/// The arguments of `socket` that are allowed for one family.
struct Family {
    number: i32,
    types: &'static [i32],
    protocols: &'static [i32],
}

fn families(network: &Network) -> Vec<Family> {
    const STREAM: &[i32] = &[libc::SOCK_STREAM];
    const BOTH: &[i32] = &[libc::SOCK_STREAM, libc::SOCK_DGRAM];
    // Without MPTCP, which Landlock does not treat as TCP.
    const TCP: &[i32] = &[0, libc::IPPROTO_TCP];
    const TCP_UDP: &[i32] = &[0, libc::IPPROTO_TCP, libc::IPPROTO_UDP];
    const ALL: &[i32] = &[
        0,
        libc::IPPROTO_TCP,
        libc::IPPROTO_UDP,
        libc::IPPROTO_ICMP,
        libc::IPPROTO_ICMPV6,
        libc::IPPROTO_MPTCP,
    ];
    let (types, protocols, routes) = match network {
        Network::None => return Vec::new(),
        Network::Some { dns: false, .. } => (STREAM, TCP, false),
        Network::Some { dns: true, .. } => (BOTH, TCP_UDP, true),
        Network::Full => (BOTH, ALL, true),
    };
    let mut families: Vec<_> = [libc::AF_INET, libc::AF_INET6]
        .into_iter()
        .map(|number| Family {
            number,
            types,
            protocols,
        })
        .collect();
    if routes {
        // Resolvers read the addresses of this machine. Changing them takes a capability.
        families.push(Family {
            number: libc::AF_NETLINK,
            types: &[libc::SOCK_RAW, libc::SOCK_DGRAM],
            protocols: &[libc::NETLINK_ROUTE],
        });
    }
    families
}

fn deny_sockets(rules: &mut Rules, network: &Network) {
    let families = families(network);
    let numbers: Vec<_> = families.iter().map(|family| family.number).collect();
    if families.is_empty() {
        for number in [libc::SYS_socket, libc::SYS_connect, libc::SYS_bind] {
            rules.deny(number);
        }
    } else {
        rules.deny_if(libc::SYS_socket, none_of(0, &numbers));
        for family in &families {
            let mut types = none_of(1, &with_flags(family.types));
            types.push(is(0, family.number));
            rules.deny_if(libc::SYS_socket, types);
            let mut protocols = none_of(2, family.protocols);
            protocols.push(is(0, family.number));
            rules.deny_if(libc::SYS_socket, protocols);
        }
    }
    if *network != Network::Full {
        // Landlock checks `bind`, but a socket can listen without it.
        rules.deny(libc::SYS_listen);
        // These connect without `connect`, where Landlock checks the port.
        for (number, flags) in [
            (libc::SYS_sendto, 3),
            (libc::SYS_sendmsg, 2),
            (libc::SYS_sendmmsg, 3),
        ] {
            rules.deny_if(number, vec![has(flags, libc::MSG_FASTOPEN)]);
        }
    }
    // A datagram socket of a pair could send to any socket with a path.
    let pairs = with_flags(&[libc::SOCK_STREAM, libc::SOCK_SEQPACKET]);
    rules.deny_if(libc::SYS_socketpair, none_of(0, &[libc::AF_UNIX]));
    rules.deny_if(libc::SYS_socketpair, none_of(1, &pairs));
}

/// Each type alone, and with the flags that the same argument may contain.
fn with_flags(types: &[i32]) -> Vec<i32> {
    let flags = [
        0,
        libc::SOCK_CLOEXEC,
        libc::SOCK_NONBLOCK,
        libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
    ];
    types
        .iter()
        .flat_map(|kind| flags.map(|flags| kind | flags))
        .collect()
}

/// Decides the calls that the rules can't express. All others continue with what follows.
fn prologue() -> BpfProgram {
    let fail = |errno: i32| return_value(libc::SECCOMP_RET_ERRNO | errno.unsigned_abs());
    let mut program = vec![
        load(OFFSET_ARCH),
        jump(libc::BPF_JEQ, ARCH.1, 1, 0),
        return_value(libc::SECCOMP_RET_KILL_PROCESS),
        load(OFFSET_NUMBER),
        jump(libc::BPF_JGE, X32, 0, 1),
        fail(libc::ENOSYS),
    ];
    for (number, errno) in UNSUPPORTED {
        program.extend([jump(libc::BPF_JEQ, narrow(*number), 0, 1), fail(*errno)]);
    }
    program
}

/// All numbers are below [`X32`].
fn narrow(number: c_long) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// `struct seccomp_data`.
const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCH: u32 = 4;

fn load(offset: u32) -> sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

fn return_value(value: u32) -> sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, value)
}

fn statement(code: u32, k: u32) -> sock_filter {
    instruction(code, k, 0, 0)
}

fn jump(test: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    instruction(libc::BPF_JMP | test | libc::BPF_K, k, jt, jf)
}

fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    // All codes are below 256.
    let code = u16::try_from(code).unwrap_or_default();
    sock_filter { code, jt, jf, k }
}

/// A condition: the argument, how many of its bits are compared, the operator, and the value.
type Condition = (u8, SeccompCmpArgLen, SeccompCmpOp, i32);

fn is(argument: u8, value: i32) -> Condition {
    (argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn is_not(argument: u8, value: i32) -> Condition {
    (argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)
}

/// A non-null pointer. All bits are compared, because there may be memory at a multiple of 4 GiB.
fn is_given(argument: u8) -> Condition {
    (argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)
}

fn has(argument: u8, bit: i32) -> Condition {
    masked(argument, bit.cast_unsigned(), bit.cast_unsigned())
}

fn masked(argument: u8, mask: u32, value: u32) -> Condition {
    let operator = SeccompCmpOp::MaskedEq(u64::from(mask));
    let value = value.cast_signed();
    (argument, SeccompCmpArgLen::Dword, operator, value)
}

fn none_of(argument: u8, values: &[i32]) -> Vec<Condition> {
    values
        .iter()
        .map(|value| is_not(argument, *value))
        .collect()
}

/// What is denied: a number with an empty list always; otherwise if all conditions of one of its
/// entries hold.
#[derive(Default)]
struct Rules(BTreeMap<c_long, Vec<Vec<Condition>>>);

impl Rules {
    fn deny(&mut self, number: c_long) {
        self.0.insert(number, Vec::new());
    }

    fn deny_if(&mut self, number: c_long, conditions: Vec<Condition>) {
        self.0.entry(number).or_default().push(conditions);
    }

    fn chains(self) -> Result<BTreeMap<i64, Vec<SeccompRule>>, String> {
        let rule = |conditions: Vec<Condition>| {
            let conditions: Result<_, _> = conditions
                .into_iter()
                .map(|(argument, length, operator, value)| {
                    let value = u64::from(value.cast_unsigned());
                    SeccompCondition::new(argument, length, operator, value)
                })
                .collect();
            SeccompRule::new(conditions?)
        };
        self.0
            .into_iter()
            .map(|(number, entries)| {
                let entries: Result<_, seccompiler::BackendError> =
                    entries.into_iter().map(rule).collect();
                entries
                    .map(|entries| (number, entries))
                    .map_err(|error| error.to_string())
            })
            .collect()
    }
}
