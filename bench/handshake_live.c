/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `lunel` and `openvpn` as servers, processes of their own in a network namespace that goes away
 * with this program, under the same load in turns. What counts is their CPU time.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/handshake.h"

#define START_SECONDS 15
#define STOP_SECONDS  5
#define PORT	      1194 /* and the next */
#define ROUNDS_MAX    1000

struct live {
	char program[PATH_MAX];
	int log;   /* a file without a name */
	pid_t pid; /* 0: it does not run */
	clockid_t cpu;
	uint16_t port;
	/* of the turn that has begun */
	uint64_t began;
	unsigned done;
	double us[ROUNDS_MAX], rate[ROUNDS_MAX];
	struct hs_server *out;
};

static const char *const names[HS_LIVES] = { "lunel", "openvpn" };

static void nap(void)
{
	const struct timespec t = { .tv_nsec = 20000000 };

	nanosleep(&t, NULL);
}

/* ---- what is needed ---- */

/* This process and its children alone on a network that has nothing but loopback. */
static bool enter_namespace(char why[128])
{
	struct ifreq lo = { .ifr_name = "lo" };
	int fd;

	if (unshare(CLONE_NEWNET) < 0) {
		snprintf(why, 128, "needs root: no network namespace (%s)", strerror(errno));
		return false;
	}
	if (access("/dev/net/tun", R_OK | W_OK) < 0) {
		snprintf(why, 128, "needs /dev/net/tun");
		return false;
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	lo.ifr_flags = IFF_UP | IFF_RUNNING;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		hs_die("loopback does not come up");
	close(fd);
	return true;
}

/* $LUNEL, or bin/lunel of the build that this program belongs to. */
static void find_lunel(char out[PATH_MAX])
{
	const char *given = getenv("LUNEL");
	char self[PATH_MAX - 16];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = 0;
	for (unsigned i = 0; i < 2; i++)
		if ((slash = strrchr(self, '/')))
			*slash = 0;
	if (given)
		snprintf(out, PATH_MAX, "%s", given);
	else
		snprintf(out, PATH_MAX, "%s/bin/lunel", self);
}

static void find_openvpn(char out[PATH_MAX])
{
	static const char *const where[] = { "/usr/sbin/openvpn", "/usr/local/sbin/openvpn",
					     "/usr/bin/openvpn" };

	out[0] = 0;
	for (size_t i = 0; i < sizeof(where) / sizeof(where[0]) && !out[0]; i++)
		if (access(where[i], X_OK) == 0)
			snprintf(out, PATH_MAX, "%s", where[i]);
}

/* The first two words that "program --version" prints. */
static void ask_version(const char *program, char *out, size_t cap)
{
	char command[PATH_MAX + 32], name[32], version[24];
	FILE *f;

	snprintf(command, sizeof(command), "'%s' --version 2>&1", program);
	f = popen(command, "r");
	if (!f)
		return;
	if (fscanf(f, "%31s %23s", name, version) == 2)
		snprintf(out, cap, "%s %s", name, version);
	/* To the end: who writes to a closed pipe may complain. */
	while (fgetc(f) != EOF)
		;
	pclose(f);
}

/* ---- files ---- */

static void write_block(FILE *f, const char *tag, const struct lnl_pki_text *t)
{
	fprintf(f, "<%s>\n%s\n</%s>\n", tag, t->data, tag);
}

/*
 * The same for both. Keys stand in it: from files OpenVPN would read that of tls-crypt anew for each
 * client.
 */
static void write_conf(const char *path, const struct hs_pki *p, enum hs_live which)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f)
		hs_die("cannot write a server's configuration");
	fprintf(f,
		"local 127.0.0.1\nport %d\nproto udp\ndev tun\ntopology subnet\n"
		"server 10.%d.0.0 255.255.0.0\ndh none\nremote-cert-tls client\n"
		"tls-version-min 1.3\ndata-ciphers AES-256-GCM\nkeepalive 10 60\n"
		"duplicate-cn\nmax-clients 20000\nconnect-freq-initial 1000000 1\nverb 1\n",
		PORT + (int)which, 64 + (int)which);
	if (which == HS_OPENVPN)
		fprintf(f, "disable-dco\n");
	write_block(f, "ca", &p->ca);
	write_block(f, "cert", &p->cert[HS_SERVER]);
	write_block(f, "key", &p->key[HS_SERVER]);
	write_block(f, "tls-crypt", &p->tls_crypt);
	if (fclose(f) != 0)
		hs_die("cannot write a server's configuration");
}

/* ---- processes ---- */

/* In the child: never returns. */
_Noreturn static void become(const struct live *l, const char *conf, pid_t parent)
{
	int in = open("/dev/null", O_RDONLY);

	/* Whatever becomes of this program, no server stays behind. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (in >= 0 && getppid() == parent && chdir("/") == 0 && dup2(in, 0) >= 0 &&
	    dup2(l->log, 1) >= 0 && dup2(l->log, 2) >= 0)
		execl(l->program, l->program, "--config", conf, (char *)NULL);
	_exit(127);
}

/* Its last words, at most |cap|. */
static void read_log(const struct live *l, char *out, size_t cap)
{
	off_t len = lseek(l->log, 0, SEEK_CUR);
	ssize_t n = pread(l->log, out, cap - 1, len > (off_t)cap - 1 ? len - (off_t)cap + 1 : 0);

	out[n > 0 ? n : 0] = 0;
}

static bool is_ready(const struct live *l)
{
	char text[16384];

	read_log(l, text, sizeof(text));
	return strstr(text, "Initialization Sequence Completed") != NULL;
}

static void show_log(const struct live *l)
{
	char text[2048];

	read_log(l, text, sizeof(text));
	fprintf(stderr, "%s\n", text);
}

static bool has_ended(struct live *l)
{
	if (l->pid != 0 && waitpid(l->pid, NULL, WNOHANG) != 0)
		l->pid = 0;
	return l->pid == 0;
}

static void stop(struct live *l)
{
	uint64_t until = hs_clock_ns() + STOP_SECONDS * UINT64_C(1000000000);

	if (l->pid != 0)
		kill(l->pid, SIGTERM);
	while (!has_ended(l) && hs_clock_ns() < until)
		nap();
	if (l->pid == 0)
		return;
	kill(l->pid, SIGKILL);
	waitpid(l->pid, NULL, 0);
	l->pid = 0;
}

static void start(struct live *l, const struct hs_pki *p, const char *folder, enum hs_live which)
{
	uint64_t until = hs_clock_ns() + START_SECONDS * UINT64_C(1000000000);
	pid_t self = getpid();
	char conf[PATH_MAX];

	snprintf(conf, sizeof(conf), "%s/%s.conf", folder, names[which]);
	write_conf(conf, p, which);
	l->log = memfd_create("log", MFD_CLOEXEC);
	l->port = (uint16_t)(PORT + (int)which);
	l->pid = fork();
	if (l->pid == 0)
		become(l, conf, self);
	if (l->pid < 0 || l->log < 0)
		hs_die("cannot start a process");
	while (!is_ready(l) && !has_ended(l) && hs_clock_ns() < until)
		nap();
	/* It is read by now: nothing stays behind, however this ends. */
	unlink(conf);
	l->out->there = is_ready(l) && !has_ended(l) && clock_getcpuclockid(l->pid, &l->cpu) == 0;
	if (l->out->there)
		return;
	l->out->broken = true;
	snprintf(l->out->why, sizeof(l->out->why), "the server does not start");
	show_log(l);
	stop(l);
}

/* ---- measuring ---- */

static uint64_t cpu_of(const struct live *l)
{
	struct timespec t = { 0 };

	clock_gettime(l->cpu, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/*
 * A turn's CPU time is that until the next: who lets clients linger when they leave (OpenVPN does,
 * for five seconds) has that to pay, too. |round| is that of the turn that ends, below 0 when it
 * was to warm up.
 */
static void end_turn(struct live *l, int round)
{
	uint64_t now = cpu_of(l);

	if (round >= 0)
		l->us[round] = l->done ? (double)(now - l->began) / 1e3 / l->done : 0;
	l->began = now;
}

static void take_turn(struct live *l, struct hs_load *load, int round, double seconds)
{
	struct hs_loaded loaded;

	end_turn(l, round - 1);
	hs_load_run(load, l->port, seconds, &loaded);
	l->done = loaded.done;
	if (round >= 0) {
		l->rate[round] = loaded.rate;
		l->out->done += loaded.done;
		l->out->failed += loaded.failed;
	}
	if (has_ended(l)) {
		show_log(l);
		hs_die("a server has ended under load");
	}
	if (l->done == 0) {
		show_log(l);
		hs_die("a server lets nobody in");
	}
}

static void run_rounds(struct live *lives, struct hs_load *load, int rounds, double seconds)
{
	/* Round -1 warms up. */
	for (int r = -1; r < rounds; r++)
		for (unsigned i = 0; i < HS_LIVES; i++)
			if (lives[i].out->there)
				take_turn(&lives[i], load, r, seconds);
	for (unsigned i = 0; i < HS_LIVES; i++)
		if (lives[i].out->there)
			end_turn(&lives[i], rounds - 1);
}

static double summarise(struct live *lives, unsigned rounds)
{
	static double ratio[ROUNDS_MAX];
	bool both = lives[HS_LUNEL].out->there && lives[HS_OPENVPN].out->there;

	for (unsigned r = 0; both && r < rounds; r++)
		ratio[r] = lives[HS_OPENVPN].us[r] / lives[HS_LUNEL].us[r];
	for (unsigned i = 0; i < HS_LIVES; i++) {
		if (!lives[i].out->there)
			continue;
		lives[i].out->us = hs_median(lives[i].us, rounds);
		lives[i].out->rate = hs_median(lives[i].rate, rounds);
	}
	return both ? hs_median(ratio, rounds) : 0;
}

static void start_all(struct live *lives, struct hs_server out[HS_LIVES], const struct hs_pki *p)
{
	const char *tmp = getenv("TMPDIR");
	char folder[256];

	snprintf(folder, sizeof(folder), "%s/lunel-bench.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(folder))
		hs_die("no folder for the servers' configurations");
	find_lunel(lives[HS_LUNEL].program);
	find_openvpn(lives[HS_OPENVPN].program);
	for (unsigned i = 0; i < HS_LIVES; i++) {
		struct live *l = &lives[i];

		l->out = &out[i];
		if (access(l->program, X_OK) < 0) {
			snprintf(out[i].why, sizeof(out[i].why), "there is no program %s",
				 l->program[0] ? "at its place" : names[i]);
			continue;
		}
		ask_version(l->program, out[i].name, sizeof(out[i].name));
		start(l, p, folder, (enum hs_live)i);
	}
	rmdir(folder);
}

void hs_live_measure(const struct hs_pki *p, unsigned clients, unsigned rounds, double seconds,
		     struct hs_server out[HS_LIVES], double *ratio)
{
	static struct live lives[HS_LIVES];
	struct hs_load *load;

	memset(out, 0, HS_LIVES * sizeof(out[0]));
	*ratio = 0;
	for (unsigned i = 0; i < HS_LIVES; i++)
		snprintf(out[i].name, sizeof(out[i].name), "%s", names[i]);
	if (!enter_namespace(out[0].why)) {
		memcpy(out[1].why, out[0].why, sizeof(out[1].why));
		return;
	}
	start_all(lives, out, p);
	load = hs_load_new(p, clients);
	run_rounds(lives, load, (int)rounds, seconds);
	hs_load_free(load);
	for (unsigned i = 0; i < HS_LIVES; i++)
		stop(&lives[i]);
	*ratio = summarise(lives, rounds);
}
