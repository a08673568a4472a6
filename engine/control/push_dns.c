/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Name servers, domains, and what hooks and programs are told in their environment. */
#include <string.h>

#include "control/push_part.h"

#define ENV_TEXT     (LNL_NET_NAME * 2)
#define PRIORITY_MAX 127 /* INT8_MAX, and from 0 on when pushed (OpenVPN dns.c) */
#define PRIORITY_MIN 128 /* below 0, in a profile */
#define DNS_PORT     53

static bool is_word(const char *word, const char *name)
{
	return strcmp(word, name) == 0;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether |text| holds only letters, digits and |others|. */
static bool is_made_of(const char *text, const char *others)
{
	for (; *text; text++)
		if (!is_alnum(*text) && !strchr(others, *text))
			return false;
	return true;
}

/*
 * What may go to a program: a name that begins with a hyphen would be an option there. |root|: "."
 * for all names is one.
 */
static bool is_domain(const char *name, bool root)
{
	size_t len = strlen(name);

	if (root && is_word(name, "."))
		return true;
	return len > 0 && len < LNL_NET_NAME && is_alnum(*name) && is_made_of(name, "-_.") &&
	       !strstr(name, "..");
}

/* --- lists --- */

/* Adds |name| to |list| unless it is there. False when there is no room. */
static bool add_domain(char (*list)[LNL_NET_NAME], unsigned *n, const char *name)
{
	for (unsigned i = 0; i < *n; i++)
		if (is_word(list[i], name))
			return true;
	if (*n == LNL_NET_DOMAINS)
		return false;
	strcpy(list[(*n)++], name);
	return true;
}

/* The words from |first| on, all or none. */
static int add_domains(struct lnl_push *x, unsigned first, char (*list)[LNL_NET_NAME], unsigned *n,
		       bool root)
{
	unsigned before = *n;

	for (unsigned i = first; i < x->o->n; i++)
		if (!is_domain(x->o->word[i], root))
			return lnl_push_fail(x, LNL_E_FORMAT, "it holds no domain name");
	for (unsigned i = first; i < x->o->n; i++) {
		if (!add_domain(list, n, x->o->word[i])) {
			memset(list[before], 0, (*n - before) * sizeof(list[0]));
			*n = before;
			return lnl_push_fail(x, LNL_E_LIMIT, "16 domains are there already");
		}
	}
	return 0;
}

static bool add_address(struct lnl_ip *list, unsigned *n, const struct lnl_ip *ip)
{
	for (unsigned i = 0; i < *n; i++)
		if (lnl_ip_equal(&list[i], ip))
			return true;
	if (*n == LNL_NET_DNS)
		return false;
	list[(*n)++] = *ip;
	return true;
}

/* --- the environment --- */

/* Whether a program, even a careless shell script, may see |text|. */
static bool is_harmless(const char *text)
{
	return is_made_of(text, " ._:/@%+,=-");
}

/* Finds the place of "name=" in |p|: where it stands already, or a new one; NULL when full. */
static char *env_place(struct lnl_pulled *p, const char *name, size_t len)
{
	for (unsigned i = 0; i < p->n_env; i++)
		if (strncmp(p->env[i], name, len) == 0 && p->env[i][len] == '=')
			return p->env[i];
	return p->n_env < LNL_PUSH_ENV ? p->env[p->n_env] : NULL;
}

/* The words from |first| on, with blanks between them. */
static void write_words(struct lnl_writer *w, const struct lnl_option *o, unsigned first)
{
	for (unsigned i = first; i < o->n; i++) {
		if (i > first)
			lnl_write_u8(w, ' ');
		lnl_write_str(w, o->word[i]);
	}
}

/* Sets |prefix| and |name| together to the words from |first| on. */
static int set_env(struct lnl_push *x, const char *prefix, const char *name, unsigned first)
{
	char text[ENV_TEXT];
	struct lnl_writer w;
	size_t name_len;
	char *place;

	lnl_writer_init(&w, text, sizeof(text));
	lnl_write_str(&w, prefix);
	lnl_write_str(&w, name);
	name_len = lnl_writer_len(&w);
	lnl_write_u8(&w, '=');
	write_words(&w, x->o, first);
	lnl_write_u8(&w, '\0');
	if (w.error)
		return lnl_push_fail(x, LNL_E_LIMIT, "it is too long for the environment");
	place = env_place(x->p, text, name_len);
	if (!place)
		return lnl_push_fail(x, LNL_E_LIMIT, "32 values for the environment are there");
	if (place == x->p->env[x->p->n_env])
		x->p->n_env++;
	memcpy(place, text, lnl_writer_len(&w));
	return 0;
}

static bool is_env_name(const char *name)
{
	return *name && !(*name >= '0' && *name <= '9') && strlen(name) < LNL_NET_NAME / 2 &&
	       is_made_of(name, "_");
}

static int check_env(struct lnl_push *x)
{
	const char *value = lnl_push_word(x, 2);

	if (!is_env_name(x->o->word[1]))
		return lnl_push_fail(x, LNL_E_FORMAT, "the name is none for the environment");
	if (value && x->from == LNL_FROM_SERVER && !is_harmless(value))
		return lnl_push_fail(x, LNL_E_FORMAT, "the value holds what a shell acts on");
	return 0;
}

/* The prefix keeps a server's names apart from those that programs know (OpenVPN env_set.c). */
int lnl_push_setenv_safe(struct lnl_push *x)
{
	int error = check_env(x);

	return error != 0 ? error : set_env(x, "OPENVPN_", x->o->word[1], 2);
}

int lnl_push_setenv(struct lnl_push *x)
{
	int error;

	if (strncmp(x->o->word[1], "UV_", 3) != 0)
		return lnl_push_fail(x, LNL_E_NOTFOUND, "only UV_ names concern the network");
	error = check_env(x);
	return error != 0 ? error : set_env(x, "", x->o->word[1], 2);
}

/*
 * The option's words as the next foreign_option_N, numbered as OpenVPN does. One that is there
 * already, as when the profile and the server agree, is not repeated.
 */
static int add_foreign(struct lnl_push *x)
{
	static const char prefix[] = "foreign_option_";
	const struct lnl_pulled *p = x->p;
	char text[ENV_TEXT], name[sizeof(prefix) + 10];
	struct lnl_writer w;
	unsigned n = 1;

	lnl_writer_init(&w, text, sizeof(text));
	write_words(&w, x->o, 0);
	lnl_write_u8(&w, '\0');
	for (unsigned i = 0; i < p->n_env && !w.error; i++) {
		if (strncmp(p->env[i], prefix, sizeof(prefix) - 1) != 0)
			continue;
		if (is_word(strchr(p->env[i], '=') + 1, text))
			return 0;
		n++;
	}
	lnl_writer_init(&w, name, sizeof(name));
	lnl_write_str(&w, prefix);
	lnl_write_dec(&w, n);
	lnl_write_u8(&w, '\0');
	return set_env(x, name, "", 0);
}

/* --- dhcp-option --- */

static int take_dns(struct lnl_push *x)
{
	struct lnl_ip ip;

	if (x->o->n != 3 || lnl_ip_parse(&ip, x->o->word[2]) != 0)
		return lnl_push_fail(x, LNL_E_FORMAT, "one address is expected");
	if (is_word(x->o->word[1], "DNS6") && ip.family != 6)
		return lnl_push_fail(x, LNL_E_FORMAT, "an IPv6 address is expected");
	if (!add_address(x->p->net.dns, &x->p->net.n_dns, &ip))
		return lnl_push_fail(x, LNL_E_LIMIT, "8 name servers are there already");
	return 0;
}

/* Servers for Linux say DOMAIN several times and mean a search list (update-resolv-conf). */
static int take_domain(struct lnl_push *x)
{
	struct lnl_net *net = &x->p->net;

	if (x->o->n != 3 || !is_domain(x->o->word[2], false))
		return lnl_push_fail(x, LNL_E_FORMAT, "one domain name is expected");
	if (net->domain[0] == '\0' || is_word(net->domain, x->o->word[2]))
		strcpy(net->domain, x->o->word[2]);
	else
		return add_domains(x, 2, net->search, &net->n_search, false);
	return 0;
}

static int take_search(struct lnl_push *x)
{
	return add_domains(x, 2, x->p->net.search, &x->p->net.n_search, false);
}

static int take_domain_route(struct lnl_push *x)
{
	return add_domains(x, 2, x->p->net.resolve, &x->p->net.n_resolve, true);
}

static int take_address_alone(struct lnl_push *x)
{
	struct lnl_ip ip;

	if (x->o->n != 3 || lnl_ip_parse(&ip, x->o->word[2]) != 0)
		return lnl_push_fail(x, LNL_E_FORMAT, "one address is expected");
	return 0;
}

static int take_nbt(struct lnl_push *x)
{
	const char *word = lnl_push_word(x, 2);

	if (!word || strlen(word) != 1 || !strchr("1248", *word))
		return lnl_push_fail(x, LNL_E_INVAL, "1, 2, 4 or 8 is expected");
	return 0;
}

/* Kinds that are checked, and perhaps heeded; all others only have to be harmless. */
static const struct {
	const char *name;
	int (*take)(struct lnl_push *x);
} kinds[] = {
	{ "DNS", take_dns },
	{ "DNS6", take_dns },
	{ "DOMAIN", take_domain },
	{ "ADAPTER_DOMAIN_SUFFIX", take_domain },
	{ "DOMAIN-SEARCH", take_search },
	{ "DOMAIN-ROUTE", take_domain_route },
	{ "NTP", take_address_alone },
	{ "WINS", take_address_alone },
	{ "NBDD", take_address_alone },
	{ "NBT", take_nbt },
};

static int take_kind(struct lnl_push *x)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (is_word(x->o->word[1], kinds[i].name))
			return kinds[i].take(x);
	return 0;
}

/* Whether |word| is one that a program may be given: no blank inside, and no hyphen in front. */
static bool is_harmless_word(const char *word)
{
	return *word && *word != '-' && !strchr(word, ' ') && is_harmless(word);
}

int lnl_push_dhcp_option(struct lnl_push *x)
{
	struct lnl_pulled *p = x->p;
	unsigned n_env = p->n_env;
	int error;

	for (unsigned i = 1; i < x->o->n; i++)
		if (!is_harmless_word(x->o->word[i]))
			return lnl_push_fail(x, LNL_E_FORMAT, "it holds what a shell acts on");
	error = add_foreign(x);
	if (error != 0)
		return error;
	error = take_kind(x);
	if (error != 0 && p->n_env > n_env)
		memset(p->env[--p->n_env], 0, sizeof(p->env[0]));
	return error;
}

/* --- dns --- */

/* "10.0.0.1", "10.0.0.1:53", "fd00::1", "[fd00::1]:53" (OpenVPN dns.c). */
static bool parse_server(struct lnl_ip *out, const char *text, uint64_t *port)
{
	const char *colon = strrchr(text, ':');
	bool bracket = *text == '[';
	char ip[LNL_IP_TEXT];
	size_t len = strlen(text);

	*port = DNS_PORT;
	if (colon && (bracket || strchr(text, ':') == colon)) {
		if (!lnl_push_number(colon + 1, UINT16_MAX, port) || *port == 0)
			return false;
		len = (size_t)(colon - text);
	}
	if (bracket) {
		if (len < 2 || text[len - 1] != ']')
			return false;
		text++;
		len -= 2;
	}
	if (len >= sizeof(ip))
		return false;
	memcpy(ip, text, len);
	ip[len] = '\0';
	return lnl_ip_parse(out, ip) == 0 && (!bracket || out->family == 6);
}

static int take_server_address(struct lnl_push *x, struct lnl_dns_server *s)
{
	for (unsigned i = 4; i < x->o->n; i++) {
		struct lnl_ip ip;
		uint64_t port;

		if (!parse_server(&ip, x->o->word[i], &port))
			return lnl_push_fail(x, LNL_E_FORMAT, "it holds no address");
		if (port != DNS_PORT) {
			x->reason = "only port 53 is asked; the other addresses apply";
			continue;
		}
		if (!add_address(s->address, &s->n, &ip))
			return lnl_push_fail(x, LNL_E_LIMIT, "8 addresses are there already");
	}
	return 0;
}

static int take_server_word(struct lnl_push *x, struct lnl_dns_server *s)
{
	const char *what = x->o->word[3], *value = x->o->word[4];

	if (is_word(what, "address"))
		return take_server_address(x, s);
	if (is_word(what, "resolve-domains"))
		return add_domains(x, 4, s->domain, &s->n_domains, true);
	if (is_word(what, "transport") && x->o->n == 5) {
		s->plain = is_word(value, "plain");
		if (!s->plain && !is_word(value, "DoT") && !is_word(value, "DoH"))
			return lnl_push_fail(x, LNL_E_INVAL, "it is plain, DoT or DoH");
		if (!s->plain)
			x->reason = "this server is passed over: only plain DNS is done here";
		return 0;
	}
	if (is_word(what, "dnssec") && x->o->n == 5) {
		if (!is_word(value, "yes") && !is_word(value, "no") && !is_word(value, "optional"))
			return lnl_push_fail(x, LNL_E_INVAL, "it is yes, no or optional");
		x->reason = "it is left to the machine's resolver";
		return 0;
	}
	if (is_word(what, "sni") && x->o->n == 5)
		return 0;
	return lnl_push_fail(x, LNL_E_FORMAT, "it is not known");
}

/*
 * Copies what is known of |priority| to |*s| and returns its place, new or old; NULL when full. The
 * server's first word on a priority takes the place of all that the profile said.
 */
static struct lnl_dns_server *find_server(struct lnl_push *x, int priority,
					  struct lnl_dns_server *s)
{
	struct lnl_pulled *p = x->p;
	unsigned i;

	for (i = 0; i < p->n_servers && p->server[i].priority != priority; i++)
		;
	if (i == LNL_PUSH_SERVERS)
		return NULL;
	if (i < p->n_servers && p->server[i].from == x->from) {
		*s = p->server[i];
		return &p->server[i];
	}
	memset(s, 0, sizeof(*s));
	s->priority = priority;
	s->from = x->from;
	s->plain = true;
	return &p->server[i];
}

static int take_server(struct lnl_push *x)
{
	struct lnl_dns_server s, *place;
	const char *text = x->o->word[2];
	bool negative = *text == '-' && x->from == LNL_FROM_PROFILE;
	uint64_t v;
	int error;

	if (!lnl_push_number(text + negative, negative ? PRIORITY_MIN : PRIORITY_MAX, &v))
		return lnl_push_fail(x, LNL_E_FORMAT, "the priority is no number up to 127");
	place = find_server(x, negative ? -(int)v : (int)v, &s);
	if (!place)
		return lnl_push_fail(x, LNL_E_LIMIT, "4 servers are there already");
	error = take_server_word(x, &s);
	if (error != 0)
		return error;
	*place = s;
	if (place == &x->p->server[x->p->n_servers])
		x->p->n_servers++;
	return 0;
}

int lnl_push_dns(struct lnl_push *x)
{
	const char *what = x->o->word[1];

	if (is_word(what, "search-domains"))
		return add_domains(x, 2, x->p->net.search, &x->p->net.n_search, false);
	if (is_word(what, "server") && x->o->n >= 5)
		return take_server(x);
	return lnl_push_fail(x, LNL_E_FORMAT, "it is `server N what value` or `search-domains`");
}
