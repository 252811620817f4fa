/* SPDX-License-Identifier: Apache-2.0 */
/* Exact workloads, timed by themselves: workload KIND N FOLDER
 *
 * file  open(O_CREAT), ten writes of 100 bytes, close, unlink
 * tcp   connection to ourselves, 100 bytes each way, both ends closed
 * bulk  N MiB in writes of 64 KiB to another process, which acknowledges the end
 * udp   datagram of 100 bytes, sent and received
 * exec  vfork and exec of cat on one file
 * read  open, read of 256 KiB, close
 *
 * Prints "N ELAPSED_NS WARM AGENT_NS": the time of N operations, after WARM others to warm up, and
 * the CPU time that process $AGENT took meanwhile. Under an instruction clock a nanosecond is an
 * instruction. In C, so that what is measured is the kernel and not an interpreter.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAYLOAD 100
#define WRITES 10
#define NAMES 1000 /* files have so many names in turn, so that the folder stays small */
#define CHUNK 65536
#define CHUNKS_PER_MIB 16

static char chunk[CHUNK], large[4 * CHUNK];
static const char *folder;

/* Ends the program where a system call fails: a workload of unknown size measures nothing. */
static long must(long result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
	return result;
}

static long long nanoseconds(clockid_t clock)
{
	struct timespec t;

	must(clock_gettime(clock, &t), "clock_gettime");
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long agent_ns(void)
{
	char *pid = getenv("AGENT");

	/* the clock of a process, as clock_getcpuclockid makes it */
	return pid ? nanoseconds((clockid_t)((~(unsigned int)atoi(pid) << 3) | 2)) : 0;
}

static void read_all(int fd, size_t size)
{
	while (size) {
		long got = must(read(fd, chunk, size), "read");

		if (!got)
			exit(2);
		size -= got;
	}
}

/* Makes the file that others read, and returns its name. */
static const char *made(const char *name, size_t size)
{
	static char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (access(path, F_OK)) {
		fd = must(open(path, O_CREAT | O_WRONLY, 0644), path);
		must(write(fd, large, size), path);
		close(fd);
	}
	return path;
}

static int bound(int type, struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int fd = must(socket(AF_INET, type, 0), "socket");

	*address = (struct sockaddr_in){ .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	must(bind(fd, (void *)address, size), "bind");
	if (type == SOCK_STREAM)
		must(listen(fd, 128), "listen");
	must(getsockname(fd, (void *)address, &size), "getsockname");
	return fd;
}

static int connected(int type, struct sockaddr_in *address)
{
	int fd = must(socket(AF_INET, type, 0), "socket");

	must(connect(fd, (void *)address, sizeof(*address)), "connect");
	return fd;
}

static void run_file(long n)
{
	char path[256];

	for (long i = 0; i < n; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/f%ld", folder, i % NAMES);
		fd = must(open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644), path);
		for (int k = 0; k < WRITES; k++)
			must(write(fd, chunk, PAYLOAD), path);
		must(close(fd), path);
		must(unlink(path), path);
	}
}

static void run_tcp(long n)
{
	static struct sockaddr_in address;
	static int listener = -1;

	if (listener < 0)
		listener = bound(SOCK_STREAM, &address);
	for (long i = 0; i < n; i++) {
		int client = connected(SOCK_STREAM, &address);
		int server = must(accept(listener, NULL, NULL), "accept");

		must(write(client, chunk, PAYLOAD), "write");
		read_all(server, PAYLOAD);
		must(write(server, chunk, PAYLOAD), "write");
		read_all(client, PAYLOAD);
		close(client);
		if (read(server, chunk, 1) != 0)
			exit(3);
		close(server);
	}
}

static void run_udp(long n)
{
	static struct sockaddr_in address;
	static int server = -1, client;

	if (server < 0) {
		server = bound(SOCK_DGRAM, &address);
		client = connected(SOCK_DGRAM, &address);
	}
	for (long i = 0; i < n; i++) {
		must(send(client, chunk, PAYLOAD, 0), "send");
		must(recv(server, chunk, CHUNK, 0), "recv");
	}
}

/* The other end of run_bulk: takes as many bytes as the first word says, then answers one. */
static void swallow(int listener)
{
	int fd = must(accept(listener, NULL, NULL), "accept");
	long left;

	close(listener);
	while (read(fd, &left, sizeof(left)) > 0) {
		while (left)
			left -= must(read(fd, chunk, left < CHUNK ? left : CHUNK), "read");
		must(write(fd, "k", 1), "write");
	}
	_exit(0);
}

static void run_bulk(long n)
{
	static int fd = -1;
	struct sockaddr_in address;
	long bytes = n << 20;

	if (fd < 0) {
		int listener = bound(SOCK_STREAM, &address);

		if (!must(fork(), "fork"))
			swallow(listener);
		fd = connected(SOCK_STREAM, &address);
		close(listener);
	}
	must(write(fd, &bytes, sizeof(bytes)), "write");
	for (long i = 0; i < n * CHUNKS_PER_MIB; i++)
		must(write(fd, chunk, CHUNK), "write");
	read_all(fd, 1);
}

static void run_exec(long n)
{
	char *argv[] = { "cat", (char *)made("catted", 1000), NULL }, *none[] = { NULL };
	posix_spawn_file_actions_t actions;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	for (long i = 0; i < n; i++) {
		int status;
		pid_t pid;

		if (posix_spawn(&pid, "/bin/cat", &actions, NULL, argv, none))
			exit(4);
		must(waitpid(pid, &status, 0), "waitpid");
		if (status)
			exit(5);
	}
}

static void run_read(long n)
{
	const char *path = made("large", sizeof(large));

	for (long i = 0; i < n; i++) {
		int fd = must(open(path, O_RDONLY), path);

		while (must(read(fd, large, sizeof(large)), path) > 0)
			;
		close(fd);
	}
}

static const struct {
	const char *name;
	void (*run)(long n);
} kinds[] = {
	{ "file", run_file }, { "tcp", run_tcp },   { "bulk", run_bulk },
	{ "udp", run_udp },   { "exec", run_exec }, { "read", run_read },
};

int main(int argc, char **argv)
{
	long n = argc == 4 ? atol(argv[2]) : 0, warm = n / 10 + 10;

	for (size_t i = 0; n > 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		long long agent, start, end;

		if (strcmp(argv[1], kinds[i].name))
			continue;
		folder = argv[3];
		kinds[i].run(warm);
		agent = agent_ns();
		start = nanoseconds(CLOCK_MONOTONIC);
		kinds[i].run(n);
		end = nanoseconds(CLOCK_MONOTONIC);
		printf("%ld %lld %ld %lld\n", n, end - start, warm, agent_ns() - agent);
		return 0;
	}
	fprintf(stderr, "usage: workload file|tcp|bulk|udp|exec|read N FOLDER\n");
	return 2;
}
