/* The least that running a step takes: `spawn_loop PROGRAM STEPS THREADS`, with the input on stdin.
 *
 * For each step it starts PROGRAM with posix_spawn, writes the input to its standard input, reads its standard
 * output to the end, waits for it with wait4, and keeps the output. What obs does on top of that is what it
 * costs. Input and output must fit into a pipe. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static char input[65536];
static size_t input_length;
static char *program;
static int steps;
static int next;
static char **outputs;

static void must(int holds, const char *what) {
    if (!holds) {
        perror(what);
        exit(1);
    }
}

static char *run_step(void) {
    int in[2], out[2], status;
    must(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipe2");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    char *argv[] = {program, NULL};
    pid_t pid;
    must(posix_spawn(&pid, program, &actions, NULL, argv, environ) == 0, "posix_spawn");
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    must(write(in[1], input, input_length) == (ssize_t)input_length, "write");
    close(in[1]);
    char buffer[65536];
    size_t length = 0;
    ssize_t got;
    while ((got = read(out[0], buffer + length, sizeof buffer - length)) > 0) {
        length += got;
    }
    close(out[0]);
    struct rusage usage;
    must(wait4(pid, &status, 0, &usage) == pid && status == 0, "wait4");
    must(length == input_length, "the output");
    return strndup(buffer, length);
}

static void *work(void *unused) {
    int step;
    while ((step = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED)) < steps) {
        outputs[step] = run_step();
    }
    return unused;
}

int main(int argc, char **argv) {
    must(argc == 4, "usage: spawn_loop PROGRAM STEPS THREADS");
    program = argv[1];
    steps = atoi(argv[2]);
    int threads = atoi(argv[3]);
    outputs = calloc(steps, sizeof *outputs);
    input_length = fread(input, 1, sizeof input, stdin);
    pthread_t workers[threads];
    for (int i = 0; i < threads; i++) {
        must(pthread_create(&workers[i], NULL, work, NULL) == 0, "pthread_create");
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(workers[i], NULL);
    }
    for (int i = 0; i < steps; i++) {
        must(outputs[i] != NULL, "an output");
    }
    return 0;
}
