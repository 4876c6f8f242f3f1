/**
 * What the engine beside a machine may do with this host's kernel. It is less than `--privileged`, and still enough for
 * somebody who controls it to reach the host: that is the warning people get. Measured: without any one of these a
 * container does not start in it, but for the two of the engine itself.
 */

/** What an engine gives to a container by default. It can only give on what it has. */
const GIVEN_ON = ['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'NET_RAW', 'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT'] as const
/** Mounts and namespaces; bridges and packet filters of the machine's own network. */
const OF_THE_ENGINE = ['SYS_ADMIN', 'NET_ADMIN'] as const

export const ENGINE_CAPABILITIES: readonly string[] = [...OF_THE_ENGINE, ...GIVEN_ON]

/** No devices but those of every container: a disk of the host cannot be opened. Of the kernel's switches only those of the network can be set. */
export const ENGINE_READ_ONLY_PATHS: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sysrq-trigger', '/proc/sys/kernel', '/proc/sys/vm', '/proc/sys/fs', '/proc/sys/dev', '/proc/sys/debug']

/** The engine's own filter forbids what an engine needs (pivot_root, keyctl). This forbids what neither it nor its containers have use for. */
const FORBIDDEN_CALLS = [
  'acct', 'add_key', 'request_key', 'kexec_load', 'kexec_file_load', 'init_module', 'finit_module', 'delete_module', 'create_module', 'open_by_handle_at', 'perf_event_open', 'userfaultfd',
  'swapon', 'swapoff', 'reboot', 'settimeofday', 'clock_settime', 'clock_adjtime', 'adjtimex', 'quotactl', 'syslog', 'lookup_dcookie', 'nfsservctl', 'vm86', 'vm86old', 'iopl', 'ioperm',
  'io_uring_setup', 'io_uring_enter', 'io_uring_register',
] as const
const EPERM = 1

export const ENGINE_SECURITY: readonly string[] = [
  `seccomp=${JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: FORBIDDEN_CALLS, action: 'SCMP_ACT_ERRNO', errnoRet: EPERM }] })}`,
  'apparmor=unconfined',
]

export const ENGINE_WARNING = 'the agent has a Docker engine of its own, with SYS_ADMIN and NET_ADMIN on this host\'s kernel: what runs in it is kept apart from this host much less than the machine itself'
