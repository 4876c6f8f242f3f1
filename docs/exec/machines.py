#!/usr/bin/env python3
"""A complete command for Berth's exec provider: machines that are process trees of this host.

    berth provider setup exec --command '["/opt/berth/machines.py", "/var/lib/berth-machines"]' --isolation sandbox

Each machine is a PID namespace with a file view of its own (util-linux and bubblewrap, as root). It shares the network
of the host, and nothing limits its memory: take it as a pattern for what your own machines need. docs/exec.md says what
Berth asks and expects; every verb here may be repeated, and may be killed between any two lines.
"""
import fcntl, json, os, re, shutil, signal, subprocess, sys, time

CONFLICT, INVALID, AUTH, UNSUPPORTED, NO_SPACE = 15, 14, 13, 18, 20
GRACE_S = 10
MARK = "EXAMPLE_MACHINE"
NAME = re.compile(r"berth-[A-Za-z0-9]{1,64}-ws_[a-z0-9]{1,64}-g[0-9]{1,9}\Z")
OWNER = ("installation", "workspace", "generation")
# What the daemon, root in the machine, needs to hand files and processes to the agent and to end them.
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETUID", "SETGID", "KILL")
ETC = ("alternatives", "ssl", "ca-certificates", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "nsswitch.conf", "os-release", "profile", "profile.d", "resolv.conf", "services", "shells")
# What outlives a stop, and where it is in the machine.
KEPT = {"work": "/workspace", "home": "/home/dev", "state": "/var/lib/berth", "toolbox": "/opt/berth"}


def refuse(code, why):
    print(why, file=sys.stderr)
    sys.exit(code)


def now_ms():
    return int(time.time() * 1000)


def write(path, text, mode=0o600):
    """All of it or nothing, also where this process is killed."""
    descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        os.fchmod(descriptor, mode)
    os.rename(path + ".new", path)


def read(path):
    try:
        with open(path, encoding="utf8") as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return None


class Machine:
    """`<root>/<name>.json` says that it exists and whose it is; `<root>/<name>` has its files, and the owner once more."""

    def __init__(self, root, name):
        if not NAME.match(name):
            refuse(INVALID, "this is no name of a machine")
        self.name, self.dir, self.record = name, os.path.join(root, name), os.path.join(root, name + ".json")

    def at(self, *names):
        return os.path.join(self.dir, *names)

    def processes(self):
        """Pids of all that runs in it, the one outside first. Nothing is written down of them that could be wrong."""
        mark = f"{MARK}={self.dir}\0".encode()
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    if mark not in file.read() + b"\0":
                        continue
                with open(f"/proc/{pid}/stat") as file:
                    comm, rest = file.read().split("(", 1)[1].rsplit(")", 1)
                if rest.split()[0] not in "ZX":
                    found.append((comm != "unshare", int(pid)))
            except OSError:
                continue  # It has ended.
        return [pid for _, pid in sorted(found)]

    def told(self):
        """As Berth is told of it; null: there is none."""
        record = read(self.record)
        if record is None:
            # Somebody's directory, or what is left of a machine: the list says which.
            if os.path.lexists(self.dir) and read(self.at("owner.json")) is None:
                return {"name": self.name, "state": "unknown", "createdAt": int(os.lstat(self.dir).st_ctime * 1000)}
            return None
        runs = len(self.processes()) > 0
        state = "stopped" if not runs else "stopping" if os.path.exists(self.at("ending")) else "running"
        return {"name": self.name, **{key: record[key] for key in OWNER}, "createdAt": record["createdAt"], "state": state}

    def check_owner(self, asked):
        for record in (read(self.record), read(self.at("owner.json"))):
            if record is not None and any(record[key] != asked[key] for key in OWNER):
                refuse(CONFLICT, f"{self.name} belongs to another installation")
        told = self.told()
        if told is not None and "workspace" not in told:
            refuse(CONFLICT, f"{self.dir} is not of Berth's making")

    def create(self, asked, boot, options):
        if read(self.record) is None:
            write(self.record, json.dumps({**{key: asked[key] for key in OWNER}, "createdAt": now_ms()}))
        self.start(asked, boot, options)

    def start(self, asked, boot, options):
        if read(self.record) is None:
            refuse(CONFLICT, f"there is no machine {self.name}")
        if len(self.processes()) > 0:
            return
        os.makedirs(self.dir, mode=0o711, exist_ok=True)
        write(self.at("owner.json"), json.dumps({key: asked[key] for key in OWNER}))
        for name in (*KEPT, "boot", "etc"):
            os.makedirs(self.at(name), mode=0o755, exist_ok=True)
        for file in boot["files"]:
            write(self.at("boot", os.path.basename(file["path"])), file["content"], int(file["mode"], 8))
        write(self.at("etc", "passwd"), "root:x:0:0:root:/root:/usr/sbin/nologin\ndev:x:1000:1000:dev:/home/dev:/bin/bash\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n", 0o644)
        write(self.at("etc", "group"), "root:x:0:\ndev:x:1000:\nnogroup:x:65534:\n", 0o644)
        write(self.at("etc", "hosts"), "127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in options["hosts"]), 0o644)
        if os.path.exists(self.at("ending")):
            os.remove(self.at("ending"))
        with open(self.at("log"), "ab") as log:
            # A session of its own: it goes on when this command, and the server that called it, have ended.
            subprocess.Popen(self.argv(boot), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/", env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", MARK: self.dir})

    def argv(self, boot):
        view = ["--ro-bind", "/usr", "/usr"]
        for path in ("/bin", "/sbin", "/lib", "/lib32", "/lib64"):
            if os.path.islink(path):
                view += ["--symlink", os.readlink(path), path]
            elif os.path.isdir(path):
                view += ["--ro-bind", path, path]
        view += ["--proc", "/proc", "--dev", "/dev", "--perms", "0755", "--dir", "/var", "--perms", "1777", "--tmpfs", "/tmp", "--perms", "1777", "--tmpfs", "/var/tmp", "--perms", "0755", "--tmpfs", "/run", "--tmpfs", "/root"]
        for path in ("/etc", "/home", "/opt", "/var/lib"):
            view += ["--perms", "0755", "--dir", path]  # Left to bwrap, they would be for root alone.
        for name in ETC:
            view += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
        for name in ("passwd", "group", "hosts"):
            view += ["--ro-bind", self.at("etc", name), f"/etc/{name}"]
        for name, inside in KEPT.items():
            view += ["--bind", self.at(name), inside]
        view += ["--bind", self.at("boot"), "/etc/berth"]
        rights = [word for name in CAPABILITIES for word in ("--cap-add", f"CAP_{name}")]
        # When the process outside is killed, the first one inside is, and with it all of its namespace.
        return ["unshare", "--pid", "--fork", "--kill-child", "--", "bwrap", *view, "--unshare-ipc", "--unshare-uts", "--hostname", self.name.split("-")[2].replace("_", "-"), "--new-session", "--cap-drop", "ALL", *rights,
                "--clearenv", "--setenv", "PATH", "/usr/sbin:/usr/bin:/sbin:/bin", "--setenv", MARK, self.dir, "--setenv", "LANG", "C.UTF-8", "--chdir", "/", "--", *boot["argv"]]

    def stop(self):
        """Asked to end, then, at a later call, killed."""
        pids = self.processes()
        if len(pids) == 0:
            return
        try:
            asked_at = os.stat(self.at("ending")).st_mtime
        except FileNotFoundError:
            asked_at = time.time()
            write(self.at("ending"), "")
            # unshare, bwrap, and what was started.
            for watching in self.children(pids[0]):
                for first in self.children(watching):
                    self.signal(first, signal.SIGTERM)
        if time.time() - asked_at > GRACE_S:
            self.kill()
        for _ in range(40):
            if len(self.processes()) == 0:
                return
            time.sleep(0.025)

    def kill(self):
        for _ in range(200):
            pids = self.processes()
            if len(pids) == 0:
                return
            for pid in pids:
                self.signal(pid, signal.SIGKILL)
            time.sleep(0.025)

    def children(self, pid):
        try:
            with open(f"/proc/{pid}/task/{pid}/children") as file:
                return [int(pid) for pid in file.read().split()]
        except OSError:
            return []

    def signal(self, pid, what):
        try:
            os.kill(pid, what)
        except ProcessLookupError:
            pass

    def destroy(self):
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)
        if os.path.lexists(self.dir):
            shutil.rmtree(self.dir)
        # Last: as long as it is there, the machine is.
        for path in (self.record + ".new", self.record):
            if os.path.lexists(path):
                os.remove(path)


def listed(root, installation):
    """Machines, and what stands of one that is gone, of this installation alone."""
    machines, leftovers = [], []
    for entry in sorted(os.listdir(root)):
        name = entry.removesuffix(".json")
        if not NAME.match(name):
            continue
        machine = Machine(root, name)
        if entry.endswith(".json"):
            told = machine.told()
            if told is not None and told.get("installation") == installation:
                machines.append(told)
        elif not os.path.exists(machine.record):
            owner = read(machine.at("owner.json")) or {}
            if owner.get("installation", installation) == installation:
                leftovers.append({"kind": "directory", "name": machine.dir, **owner, "createdAt": int(os.stat(machine.dir).st_ctime * 1000)})
    return {"machines": machines, "leftovers": leftovers, "complete": True}


def logs(machine, tail_bytes):
    try:
        with open(machine.at("log"), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - tail_bytes))
            sys.stdout.buffer.write(file.read(tail_bytes))
    except FileNotFoundError:
        pass


def answer(verb, root, request, options):
    if verb == "check":
        missing = [name for name in ("unshare", "bwrap", "curl", "git") if shutil.which(name) is None]
        if os.geteuid() != 0 or missing:
            refuse(AUTH, "this must run as root" if not missing else f"not installed: {', '.join(missing)}")
        return {"detail": f"process trees of this host, below {root}"}
    if verb == "list":
        return listed(root, request["installation"])
    machine = Machine(root, request["machine"]["name"])
    if verb == "logs":
        logs(machine, request["tailBytes"])
        return None
    if verb != "observe":
        machine.check_owner(request["machine"])
    if verb in ("create", "start"):
        if request["wanted"]["image"] is not None:
            refuse(UNSUPPORTED, "these machines have the programs of their host, and no image")
        boot = request["boot"] if "files" in request["boot"] else read(request["boot"]["path"])
        getattr(machine, verb)(request["machine"], boot, options)
    elif verb in ("stop", "destroy"):
        getattr(machine, verb)()
    elif verb != "observe":
        refuse(UNSUPPORTED, f"there is no {verb} here")
    return {"machine": machine.told()}


def main():
    *words, verb = sys.argv[1:]
    # `<root> [name=address …]`: more names that the machines know.
    root, options = words[0], {"hosts": [word.split("=", 1) for word in words[1:]]}
    request = json.load(sys.stdin)
    if request["version"] != 1:
        refuse(INVALID, "this command speaks version 1")
    os.makedirs(root, mode=0o711, exist_ok=True)
    # One at a time, also with a command whose server was killed. Closed in what it starts.
    with open(os.path.join(root, ".lock"), "w") as lock:
        if verb in ("create", "start", "stop", "destroy"):
            fcntl.flock(lock, fcntl.LOCK_EX)
        said = answer(verb, root, request, options)
    if said is not None:
        print(json.dumps({"version": 1, **said}))


try:
    main()
except OSError as error:
    if error.errno == 28:
        refuse(NO_SPACE, "the disk is full")
    raise
