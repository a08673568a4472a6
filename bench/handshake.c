/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Full handshakes, both sides counted apart: the engine's in memory beside wolfSSL's own, then the
 * program as a server beside OpenVPN's, all in one run.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/handshake.h"

#define ROUNDS_MAX  1000
#define BATCHES_MAX 65536 /* in a round */
#define GOAL	    0.70  /* of wolfSSL's own rate, on the server's side */
#define GOAL_LIVE   1.0	  /* of OpenVPN's */

enum kind { ENGINE, RAW, KINDS };
static const char *const side_names[HS_SIDES] = { "server", "client" };

struct settings {
	const char *json;
	unsigned rounds;
	unsigned clients;
	double seconds; /* of a round, and of each server's turn in it */
	bool check;
	bool memory_only;
};

/* Of one side, in memory. */
struct result {
	double us[KINDS]; /* of CPU a handshake, medians */
	double ratio;	  /* of the rates, ours by wolfSSL's: the median of the rounds' */
};

struct report {
	struct result memory[HS_SIDES];
	struct hs_server live[HS_LIVES];
	double ratio; /* of the rates, lunel's by openvpn's; 0: not both are there */
};

/* ---- in memory ---- */

static void run_round(struct hs_engine *e, struct hs_raw *w, double seconds,
		      double out[KINDS][HS_SIDES])
{
	static double took[KINDS][HS_SIDES][BATCHES_MAX];
	uint64_t until = hs_clock_ns() + (uint64_t)(seconds * 1e9);
	unsigned n = 0;

	/* The kinds take turns. */
	do {
		double ns[KINDS][HS_SIDES];

		hs_engine_batch(e, ns[ENGINE]);
		hs_raw_batch(w, ns[RAW]);
		for (unsigned k = 0; k < KINDS; k++)
			for (unsigned side = 0; side < HS_SIDES; side++)
				took[k][side][n] = ns[k][side] / 1e3;
		n++;
	} while (n < BATCHES_MAX && hs_clock_ns() < until);
	for (unsigned k = 0; k < KINDS; k++)
		for (unsigned side = 0; side < HS_SIDES; side++)
			out[k][side] = hs_median(took[k][side], n);
}

static void measure_memory(const struct hs_pki *p, const struct settings *s,
			   struct result out[HS_SIDES])
{
	static double us[KINDS][HS_SIDES][ROUNDS_MAX], ratio[HS_SIDES][ROUNDS_MAX];
	struct hs_engine *e = hs_engine_new(p);
	struct hs_raw *w = hs_raw_new(p);
	double took[KINDS][HS_SIDES];

	/* The first warms up. */
	for (unsigned r = 0; r <= s->rounds; r++) {
		run_round(e, w, r > 0 ? s->seconds : 0, took);
		for (unsigned side = 0; r > 0 && side < HS_SIDES; side++) {
			for (unsigned k = 0; k < KINDS; k++)
				us[k][side][r - 1] = took[k][side];
			ratio[side][r - 1] = took[RAW][side] / took[ENGINE][side];
		}
	}
	for (unsigned side = 0; side < HS_SIDES; side++) {
		for (unsigned k = 0; k < KINDS; k++)
			out[side].us[k] = hs_median(us[k][side], s->rounds);
		out[side].ratio = hs_median(ratio[side], s->rounds);
	}
	hs_engine_free(e);
	hs_raw_free(w);
}

/* ---- what it says ---- */

static void print_row(const char *name, const char *side, double us)
{
	printf("%-24s %-6s %9.1f %10.0f", name, side, us, 1e6 / us);
}

static void print_memory(const struct settings *s, const struct result m[HS_SIDES])
{
	printf("full TLS 1.3 handshakes, certificates EC P-256 both ways, key exchange X25519,\n"
	       "tls-crypt; wolfSSL %s%s, %u rounds of %g s\n",
	       lnl_crypto_version(),
	       lnl_crypto_has_assembly() ? " with assembly" : " WITHOUT assembly", s->rounds,
	       s->seconds);
	printf("%-24s %-6s %9s %10s  of wolfSSL's rate\n", "in memory", "side", "CPU us",
	       "/s a core");
	for (unsigned side = 0; side < HS_SIDES; side++) {
		char goal[48] = "";

		if (side == HS_SERVER)
			snprintf(goal, sizeof(goal), "  (goal: at least %.0f%%)", GOAL * 100);
		print_row("lunel", side_names[side], m[side].us[ENGINE]);
		printf("  %5.1f%%%s\n", m[side].ratio * 100, goal);
		print_row("wolfSSL's TLS alone", side_names[side], m[side].us[RAW]);
		printf("\n");
	}
	fflush(stdout);
}

static void print_live(const struct settings *s, const struct report *r)
{
	printf("%-24s %-6s %9s %10s  of openvpn's rate; as it came; failed\n",
	       "processes, over UDP", "side", "CPU us", "/s a core");
	for (unsigned i = 0; i < HS_LIVES; i++) {
		const struct hs_server *v = &r->live[i];

		if (!v->there) {
			printf("%-24s not measured: %s\n", v->name, v->why);
			continue;
		}
		print_row(v->name, "server", v->us);
		if (i == HS_LUNEL && r->ratio > 0)
			printf("  %5.1f%% (goal: above %.0f%%);", r->ratio * 100, GOAL_LIVE * 100);
		else
			printf("  ");
		printf(" %.0f/s, %u of %u failed\n", v->rate, v->failed, v->failed + v->done);
	}
	printf("(%u clients at a time; each connects, is told its address and leaves)\n",
	       s->clients);
}

static void write_side(FILE *f, const char *comma, const char *what, const char *side, double us)
{
	fprintf(f, "%s\n{\"what\":\"%s\",\"side\":\"%s\",\"us\":%.2f,\"per_core\":%.1f", comma,
		what, side, us, 1e6 / us);
}

static void write_results(FILE *f, const struct report *r)
{
	const char *comma = "";

	for (unsigned side = 0; side < HS_SIDES; side++) {
		write_side(f, comma, "engine", side_names[side], r->memory[side].us[ENGINE]);
		fprintf(f, ",\"of_wolfssl\":%.4f}", r->memory[side].ratio);
		comma = ",";
		write_side(f, comma, "wolfssl", side_names[side], r->memory[side].us[RAW]);
		fprintf(f, "}");
	}
	for (unsigned i = 0; i < HS_LIVES; i++) {
		const struct hs_server *v = &r->live[i];

		if (!v->there)
			continue;
		write_side(f, comma, v->name, "process", v->us);
		fprintf(f, ",\"rate\":%.1f,\"done\":%u,\"failed\":%u", v->rate, v->done, v->failed);
		if (i == HS_LUNEL && r->ratio > 0)
			fprintf(f, ",\"of_openvpn\":%.4f", r->ratio);
		fprintf(f, "}");
	}
}

static bool write_json(const struct settings *s, const struct report *r)
{
	FILE *f = strcmp(s->json, "-") == 0 ? stdout : fopen(s->json, "w");

	if (f == NULL)
		return false;
	fprintf(f, "{\"bench\":\"handshake\",\"wolfssl\":\"%s\",\"assembly\":%s,",
		lnl_crypto_version(), lnl_crypto_has_assembly() ? "true" : "false");
	fprintf(f, "\"rounds\":%u,\"seconds\":%g,\"clients\":%u,\"results\":[", s->rounds,
		s->seconds, s->clients);
	write_results(f, r);
	fprintf(f, "\n]}\n");
	bool ok = !ferror(f);
	if (f != stdout && fclose(f) != 0)
		ok = false;
	return ok;
}

/* Whether all that could be tried went well. */
static bool all_well(const struct report *r)
{
	bool ok = true;

	for (unsigned i = 0; i < HS_LIVES; i++) {
		const struct hs_server *v = &r->live[i];

		if (v->failed > 0)
			fprintf(stderr, "bench/handshake: handshakes with %s failed\n", v->name);
		ok = ok && !v->broken && v->failed == 0;
	}
	return ok;
}

/* What was not to be measured is no goal that was missed; what could not be is. */
static bool goals_hold(const struct settings *s, const struct report *r)
{
	bool ok = true;

	if (r->memory[HS_SERVER].ratio < GOAL) {
		fprintf(stderr, "bench/handshake: the server's side is below %.0f%% of wolfSSL's\n",
			GOAL * 100);
		ok = false;
	}
	if (!s->memory_only && r->ratio <= 0) {
		fprintf(stderr,
			"bench/handshake: nothing was measured beside openvpn, so that goal is "
			"not seen to hold; --memory leaves it out\n");
		ok = false;
	}
	if (r->ratio > 0 && r->ratio <= GOAL_LIVE) {
		fprintf(stderr, "bench/handshake: the server is not above openvpn's\n");
		ok = false;
	}
	return ok;
}

/* ---- arguments ---- */

static void help(void)
{
	puts("handshake [OPTION ...]: full TLS 1.3 handshakes a second and core, with certificates of\n"
	     "EC P-256 on both sides and tls-crypt. In memory: our server and our client, from the\n"
	     "first packet to keys in the data plane, beside wolfSSL's handshake alone, each side\n"
	     "counted apart. Then the program as a server and OpenVPN's beside it, each a process\n"
	     "under the same load of clients over UDP: that part needs root, /dev/net/tun and\n"
	     "openvpn, and says so when they are missing ($LUNEL names another lunel).\n"
	     "  --json FILE     write the figures as JSON too (- for standard output)\n"
	     "  --rounds N      rounds of which the median is taken (default 7, at most 1000)\n"
	     "  --seconds S     of a round in memory, and of a server's turn in a round (default 2)\n"
	     "  --clients N     that connect at the same time, over UDP (default 16, at most 100)\n"
	     "  --memory        leave the processes out\n"
	     "  --check         fail when the server's side is below 70% of wolfSSL's rate, or the\n"
	     "                  program is not above openvpn\n"
	     "  --help          this text\n"
	     "CPU us is CPU time a handshake, /s a core what one core can do of it.");
}

static double number(const char *text, double min, double max, bool whole)
{
	char *end;

	errno = 0;
	double v = strtod(text, &end);
	if (errno != 0 || end == text || *end != '\0' || !(v >= min && v <= max) ||
	    (whole && v != (unsigned)v)) {
		fprintf(stderr, "bench/handshake: %s is not a%s number from %g to %g\n", text,
			whole ? " whole" : "", min, max);
		exit(2);
	}
	return v;
}

static void take_option(struct settings *s, int o)
{
	switch (o) {
	case 'j':
		s->json = optarg;
		break;
	case 'r':
		s->rounds = (unsigned)number(optarg, 1, ROUNDS_MAX, true);
		break;
	case 's':
		s->seconds = number(optarg, 0.01, 3600, false);
		break;
	case 'n':
		s->clients = (unsigned)number(optarg, 1, 100, true);
		break;
	case 'm':
		s->memory_only = true;
		break;
	case 'c':
		s->check = true;
		break;
	case 'h':
		help();
		exit(0);
	default:
		exit(2);
	}
}

static struct settings parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", required_argument, NULL, 'j' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 's' },
		{ "clients", required_argument, NULL, 'n' },
		{ "memory", no_argument, NULL, 'm' },
		{ "check", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct settings s = { .rounds = 7, .clients = 16, .seconds = 2 };

	for (int o; (o = getopt_long(argc, argv, "h", options, NULL)) != -1;)
		take_option(&s, o);
	if (optind != argc) {
		fprintf(stderr, "bench/handshake: unexpected %s, see --help\n", argv[optind]);
		exit(2);
	}
	return s;
}

int main(int argc, char **argv)
{
	static struct report r;
	struct settings s = parse(argc, argv);
	struct hs_pki pki;
	bool ok = true;

	if (lnl_crypto_init(NULL) != 0)
		hs_die("cannot start wolfSSL");
	hs_pki_make(&pki);
	measure_memory(&pki, &s, r.memory);
	print_memory(&s, r.memory);
	if (!s.memory_only) {
		hs_live_measure(&pki, s.clients, s.rounds, s.seconds, r.live, &r.ratio);
		print_live(&s, &r);
	}
	if (s.json != NULL && !write_json(&s, &r)) {
		fprintf(stderr, "bench/handshake: cannot write %s\n", s.json);
		ok = false;
	}
	ok = all_well(&r) && ok;
	if (s.check && !goals_hold(&s, &r))
		ok = false;
	hs_pki_free(&pki);
	lnl_crypto_deinit();
	return ok ? 0 : 1;
}
