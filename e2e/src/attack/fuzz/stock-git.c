/*
 * Put before stock git (LD_PRELOAD), so that one start of `git receive-pack` reads many pushes: before its main begins,
 * the process is doubled for each input. What runs is git's own main, on a copy of a process that has done nothing yet.
 * Inputs: for each its length (32 bits) and its bytes. Answers: the wait status, the lengths of what it printed and
 * of what it said, and both.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int (*Main)(int, char **, char **);
typedef int (*Start)(Main, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
static Main git_main;

static void need(int holds) { if (!holds) _exit(90); }
static void put(int file, const void *bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t now = write(file, (const char *)bytes + done, length - done);
    need(now > 0);
    done += (size_t)now;
  }
}
static char *whole(int file, uint32_t *length) {
  static char buffer[1 << 20];
  struct stat state;
  need(fstat(file, &state) == 0 && state.st_size <= (off_t)sizeof buffer);
  need(pread(file, buffer, (size_t)state.st_size, 0) == state.st_size);
  *length = (uint32_t)state.st_size;
  return buffer;
}

static int each(int argc, char **argv, char **environment) {
  const char *from = getenv("BERTH_FUZZ_INPUTS"), *to = getenv("BERTH_FUZZ_ANSWERS");
  if (from == NULL || to == NULL) return git_main(argc, argv, environment);
  int inputs = open(from, O_RDONLY | O_CLOEXEC), answers = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  need(inputs >= 0 && answers >= 0);
  struct stat state;
  need(fstat(inputs, &state) == 0);
  const char *bytes = mmap(NULL, (size_t)state.st_size, PROT_READ, MAP_PRIVATE, inputs, 0);
  need(bytes != MAP_FAILED);
  int files[3];
  for (int at = 0; at < 3; at++) need((files[at] = memfd_create("push", MFD_CLOEXEC)) >= 0);
  unsetenv("LD_PRELOAD"), unsetenv("BERTH_FUZZ_INPUTS"), unsetenv("BERTH_FUZZ_ANSWERS");
  for (off_t at = 0; at < state.st_size;) {
    uint32_t length;
    __builtin_memcpy(&length, bytes + at, 4);
    for (int file = 0; file < 3; file++) need(ftruncate(files[file], 0) == 0 && lseek(files[file], 0, SEEK_SET) == 0);
    put(files[0], bytes + at + 4, length);
    need(lseek(files[0], 0, SEEK_SET) == 0);
    at += 4 + (off_t)length;
    pid_t child = fork();
    need(child >= 0);
    if (child == 0) {
      for (int file = 0; file < 3; file++) need(dup2(files[file], file) == file);
      /* A push that hangs is a difference: its status says by which signal it ended. */
      alarm(20);
      return git_main(argc, argv, environ);
    }
    int status;
    need(waitpid(child, &status, 0) == child);
    uint32_t printed, said;
    (void)whole(files[1], &printed), (void)whole(files[2], &said);
    uint32_t head[3] = {(uint32_t)status, printed, said};
    put(answers, head, sizeof head);
    put(answers, whole(files[1], &printed), printed);
    put(answers, whole(files[2], &said), said);
  }
  _exit(0);
}

int __libc_start_main(Main main, int argc, char **argv, void (*init)(void), void (*fini)(void), void (*rtld_fini)(void), void *stack_end) {
  git_main = main;
  return ((Start)dlsym(RTLD_NEXT, "__libc_start_main"))(each, argc, argv, init, fini, rtld_fini, stack_end);
}
