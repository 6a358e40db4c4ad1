/* Processes that take what they can get. argv: the name of one, a bound that keeps a test that
   fails from taking the machine with it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void *sleeps(void *nothing) { pause(); return nothing; }

static void grow(long mib, int flags) {
    for (long i = 0; i < mib; i++) {
        char *page = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED) exit(3);
        memset(page, 1, 1 << 20);
    }
}

static void *holds(void *mib) { grow((long)mib, MAP_PRIVATE); pause(); return mib; }

static long used_ms(void) {
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

static void *burns(void *ms) { while (used_ms() < (long)ms) {} return ms; }

/* Children that nobody waits for, one after the other. The kernel reaps them by itself. */
static void burn_in_children(long ms, int threads) {
    for (;;) {
        pid_t child = fork();
        if (!child) {
            pthread_t other[4];
            for (int i = 0; i < threads; i++) pthread_create(&other[i], 0, burns, (void *)ms);
            for (int i = 0; i < threads; i++) pthread_join(other[i], 0);
            burns((void *)ms);
            _exit(0);
        }
        siginfo_t ended;
        while (waitid(P_PID, child, &ended, WEXITED) == 0) {}
    }
}

int main(int argc, char **argv) {
    const char *name = argv[1];
    long bound = argc > 2 ? atol(argv[2]) : 0;
    if (!strcmp(name, "bomb")) {
        /* A pipe full of tokens bounds it: each process takes one. */
        int pipes[2];
        if (pipe(pipes) < 0) return 3;
        fcntl(pipes[1], F_SETPIPE_SZ, 1 << 20);
        for (long i = 0; i < bound; i++) if (write(pipes[1], "x", 1) < 0) return 3;
        close(pipes[1]);
        char token;
        while (read(pipes[0], &token, 1) == 1) { if (fork() < 0) usleep(1000); }
        for (;;) pause();
    }
    if (!strcmp(name, "daemons")) {
        /* One that stays, and one that forks and exits as fast as it can. */
        if (fork() > 0) for (;;) pause();
        for (long i = 0; i < bound; i++) if (fork() > 0) _exit(0);
        for (;;) pause();
    }
    if (!strcmp(name, "threads")) {
        pthread_attr_t small;
        pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, 16384);
        pthread_t thread;
        for (long i = 0; i < bound; i++) pthread_create(&thread, &small, sleeps, 0);
        for (;;) pause();
    }
    if (!strcmp(name, "memory")) { grow(bound, MAP_PRIVATE); for (;;) pause(); }
    if (!strcmp(name, "shared-memory")) { grow(bound, MAP_SHARED); for (;;) pause(); }
    if (!strcmp(name, "family")) {
        /* One large block that eight children share. */
        grow(bound, MAP_PRIVATE);
        for (int i = 0; i < 8; i++) if (fork() == 0) { usleep(500000); _exit(0); }
        while (wait(0) > 0) {}
        return 0;
    }
    if (!strcmp(name, "many-small")) {
        for (int i = 0; i < 8; i++) if (fork() == 0) { grow(bound, MAP_PRIVATE); for (;;) pause(); }
        for (;;) pause();
    }
    if (!strcmp(name, "cpu")) for (volatile long i = 0;; i++) {}
    if (!strcmp(name, "cpu-children")) {
        for (int i = 0; i < 1000; i++) {
            if (fork() == 0) { for (volatile long j = 0; j < 20000000; j++) {} _exit(0); }
            wait(0);
        }
        return 0;
    }
    if (!strcmp(name, "burn-ignored")) { signal(SIGCHLD, SIG_IGN); burn_in_children(bound, 0); }
    if (!strcmp(name, "burn-threads")) { signal(SIGCHLD, SIG_IGN); burn_in_children(bound, 3); }
    if (!strcmp(name, "burn-nocldwait")) {
        struct sigaction action = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
        sigaction(SIGCHLD, &action, 0);
        /* One level deeper, in a session of its own. */
        if (fork()) for (;;) pause();
        setsid();
        burn_in_children(bound, 0);
    }
    if (!strcmp(name, "waited")) {
        for (long i = 0; i < bound; i++) {
            pid_t child = fork();
            if (!child) { burns((void *)2); _exit(0); }
            waitpid(child, 0, 0);
        }
        return 0;
    }
    if (!strcmp(name, "burst")) { burns((void *)bound); return 0; }
    if (!strcmp(name, "spike")) { grow(bound, MAP_PRIVATE); return 0; }
    if (!strcmp(name, "first-thread-exits") || !strcmp(name, "daemon-first-thread-exits")) {
        pthread_t other;
        if (strchr(name, '-') == name + 6) {
            if (fork()) for (;;) pause();
            setsid();
            if (fork()) _exit(0);
        }
        pthread_create(&other, 0, holds, (void *)bound);
        pthread_exit(0);
    }
    if (!strcmp(name, "disk")) {
        static char block[1 << 16];
        int fd = open(argv[3], O_CREAT | O_WRONLY, 0600);
        if (fd < 0) return 3;
        for (long i = 0; i < bound * 16; i++) if (write(fd, block, sizeof block) < 0) return 4;
        return 0;
    }
    return 2;
}
