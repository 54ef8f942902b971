/*
 * A remote shell without a network: `local_rsh HOST COMMAND [ARG...]` runs the command here. What a
 * wrapper around a remote shell adds to rsync can be seen with it, and nothing else moves.
 */
#include <unistd.h>

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    execvp(argv[2], argv + 2);
    return 127;
}
