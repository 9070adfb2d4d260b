// Owners and permissions, which WASI does not have: there is one user, root, and setting them changes nothing.
#include <sys/types.h>

int fchmod(int fd, mode_t mode) { return 0; }
int chmod(const char *path, mode_t mode) { return 0; }
int fchown(int fd, uid_t owner, gid_t group) { return 0; }
uid_t geteuid(void) { return 0; }
uid_t getuid(void) { return 0; }
