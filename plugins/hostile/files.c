/* The file system by its own hands. HOSTILE_CANARY is a file that everybody may read and write, in a folder likewise:
 * permissions do not protect it, only the lock does. */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <utime.h>

#include "hostile.h"

HOSTILE(reads_files) {
    (void)site;
    char buffer[256];
    for (const char *const *path = (const char *const[]){HOSTILE_CANARY, "/etc/shadow", "/etc/passwd", "/etc/hostname",
                                                         "/proc/self/environ", "/proc/self/maps", "/proc/1/status",
                                                         "/proc/self/root/etc/passwd", "/dev/mem", "/dev/zero", "/", "/proc",
                                                         HOSTILE_LINK, 0};
         *path; path++) {
        ATTEMPT(*path, open(*path, O_RDONLY));
    }
    ATTEMPT("place", open(HOSTILE_CANARY, O_PATH));
    ATTEMPT_CALL("openat2", SYS_openat2, AT_FDCWD, HOSTILE_CANARY, (uint64_t[3]){O_RDONLY}, 24);
#ifdef SYS_open
    ATTEMPT_CALL("open", SYS_open, HOSTILE_CANARY, O_RDONLY);
#endif
    struct stat known;
    ATTEMPT("stat", stat(HOSTILE_CANARY, &known));
    ATTEMPT_CALL("statx", SYS_statx, AT_FDCWD, HOSTILE_CANARY, 0, 0x7ff, buffer);
    ATTEMPT("access", access(HOSTILE_CANARY, F_OK));
    ATTEMPT_CALL("faccessat2", SYS_faccessat2, AT_FDCWD, HOSTILE_CANARY, F_OK, 0);
    ATTEMPT("readlink", readlink(HOSTILE_LINK, buffer, sizeof buffer));
    ATTEMPT("getxattr", getxattr(HOSTILE_CANARY, "user.any", buffer, sizeof buffer));
    ATTEMPT("listxattr", listxattr(HOSTILE_CANARY, buffer, sizeof buffer));
    struct statfs space;
    ATTEMPT("statfs", statfs("/", &space));
    attempt("getcwd", getcwd(buffer, sizeof buffer) ? 0 : errno);
    ATTEMPT("chdir", chdir("/tmp"));
    ATTEMPT("inotify", inotify_init1(0));
    ATTEMPT_CALL("fanotify", SYS_fanotify_init, 0, O_RDONLY);
    ATTEMPT_CALL("name_to_handle", SYS_name_to_handle_at, AT_FDCWD, HOSTILE_CANARY, (uint32_t[40]){128}, buffer, 0);
}

HOSTILE(writes_files) {
    (void)site;
    ATTEMPT("write", open(HOSTILE_CANARY, O_WRONLY));
    ATTEMPT("append", open(HOSTILE_CANARY, O_WRONLY | O_APPEND));
    ATTEMPT("cut", open(HOSTILE_CANARY, O_WRONLY | O_TRUNC));
    ATTEMPT("create", open(HOSTILE_CANARY ".new", O_WRONLY | O_CREAT, 0666));
    ATTEMPT("create_nameless", open(HOSTILE_FOLDER, O_TMPFILE | O_RDWR, 0600));
    ATTEMPT("create_in_tmp", open("/tmp/goodstead-hostile", O_WRONLY | O_CREAT, 0600));
    ATTEMPT("create_in_shm", open("/dev/shm/goodstead-hostile", O_WRONLY | O_CREAT, 0600));
    ATTEMPT("truncate", truncate(HOSTILE_CANARY, 0));
    ATTEMPT("unlink", unlink(HOSTILE_CANARY));
    ATTEMPT("rename", rename(HOSTILE_CANARY, HOSTILE_CANARY ".moved"));
    ATTEMPT_CALL("renameat2", SYS_renameat2, AT_FDCWD, HOSTILE_CANARY, AT_FDCWD, HOSTILE_CANARY ".moved", 0);
    ATTEMPT("link", link(HOSTILE_CANARY, HOSTILE_CANARY ".linked"));
    ATTEMPT("symlink", symlink("/etc/shadow", HOSTILE_CANARY ".symlinked"));
    ATTEMPT("mkdir", mkdir(HOSTILE_CANARY ".folder", 0700));
    ATTEMPT("rmdir", rmdir(HOSTILE_FOLDER "/empty"));
    ATTEMPT("mkfifo", mkfifo(HOSTILE_CANARY ".fifo", 0600));
    ATTEMPT("chmod", chmod(HOSTILE_CANARY, 0));
    ATTEMPT_CALL("fchmodat2", 452, AT_FDCWD, HOSTILE_CANARY, 0, 0);
    ATTEMPT("chmod_of_a_descriptor", fchmod(channel(), 0600));
    ATTEMPT("chown", chown(HOSTILE_CANARY, getuid(), getgid()));
    ATTEMPT("utimes", utime(HOSTILE_CANARY, 0));
    ATTEMPT("setxattr", setxattr(HOSTILE_CANARY, "user.any", "x", 1, 0));
    ATTEMPT_CALL("memfd", SYS_memfd_create, "x", 0);
    ATTEMPT_CALL("secret_memory", SYS_memfd_secret, 0);
    ATTEMPT("flock", flock(channel(), LOCK_EX | LOCK_NB));
    ATTEMPT_CALL("umask", SYS_umask, 0);
    ATTEMPT_CALL("sync", SYS_sync);
    ATTEMPT("sendfile", sendfile(1, channel(), 0, 1));
    ATTEMPT("copy_file_range", copy_file_range(channel(), 0, 1, 0, 1, 0));
}
