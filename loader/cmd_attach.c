// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "core/log.h"
#include "core/text.h"
#include "ops/attach.h"
#include "output.h"

static const struct cli_option options[] = {
	{ 'n', "ns", "NS", "network namespace: a name under /run/netns, a path, or pid:N" },
	{ 'a', "ip", "ADDR[/LEN]|auto",
	  "an address; repeatable. Default: auto, the next free ones" },
	{ 'f', "ifname", "NAME", "interface's name in the container (eth0)" },
	{ 'i', "id", "ID", "container id (what --ns ends with)" },
	{ 'w', "network", "NAME", "network (default)" },
	{ 'm', "mtu", "N", "MTU in bytes (the network's)" },
	{ 'o', "mode", "l3|l2", "l2 for guests that need MAC addresses and ARP (the network's)" },
	{ 'd', "device", "auto|netkit|veth",
	  "kind of pair; auto: netkit where the kernel has it (the network's)" },
	{ 'p', "publish", "SPEC", "[HOSTIP:]HOSTPORT[-END]:PORT[-END][/tcp|udp|sctp], repeatable" },
	{ 'r', "ingress-rate", "RATE", "limit into the container, in bits per second: 10M, 500k" },
	{ 'b', "ingress-burst", "BITS",
	  "what may go in at once after a rest (5 ms of it, or 64 KiB)" },
	{ 'R', "egress-rate", "RATE", "limit out of the container" },
	{ 'B', "egress-burst", "BITS", "what may come out at once" },
	{ 'q', "masquerade", NULL, "reach the world with the host's addresses (the network's)" },
	{ 'Q', "no-masquerade", NULL, "with its own, private ones too" },
	{ 'M', "no-metadata", NULL,
	  "never reach the cloud's metadata, 169.254.169.254 (the network's)" },
	{ 0 },
};

/* struct words - the command line's texts, until all of them are known. */
struct words {
	const char *id, *network, *ifname;
};

static int address_add(struct attach_request *request, const char *text, struct error *err)
{
	if (!strcmp(text, "auto")) {
		request->auto_addresses = true;
		return 0;
	}
	if (request->address_count == NK_ENDPOINT_ADDRESSES_MAX)
		return error_set(err, EINVAL, "an endpoint has at most %d addresses",
				 NK_ENDPOINT_ADDRESSES_MAX);
	if (prefix_parse(text, &request->addresses[request->address_count]))
		return error_set(err, EINVAL, "'%s' is neither an address, ADDR/LEN, nor auto",
				 text);
	request->address_count++;
	return 0;
}

static int mtu_parse(struct attach_request *request, const char *text, struct error *err)
{
	unsigned long mtu;
	int ret = cli_parse_number("MTU", text, MTU_MAX, &mtu, err);

	if (!ret)
		ret = mtu_check((uint32_t)mtu, false, err);
	if (!ret)
		request->mtu = (uint32_t)mtu;
	return ret;
}

static int port_add(struct attach_request *request, const char *text, struct error *err)
{
	struct publish_spec spec;
	int ret = publish_parse(text, &spec, err);

	return ret ? ret : publish_list_add(&request->ports, &spec, err);
}

/* A limit of nothing isn't what anybody wants who names it. */
static int bits_take(const char *what, const char *text, uint64_t *ret_bits, struct error *err)
{
	uint64_t bits;

	if (bandwidth_parse(text, &bits) || !bits)
		return error_set(
			err, EINVAL,
			"%s '%s' is no number of bits, perhaps with the suffix k, M, G or T", what,
			text);
	*ret_bits = bits;
	return 0;
}

static int limit_take(int id, const char *value, struct bandwidth *bandwidth, struct error *err)
{
	switch (id) {
	case 'r':
		return bits_take("ingress rate", value, &bandwidth->ingress.rate_bps, err);
	case 'b':
		return bits_take("ingress burst", value, &bandwidth->ingress.burst_bits, err);
	case 'R':
		return bits_take("egress rate", value, &bandwidth->egress.rate_bps, err);
	default:
		return bits_take("egress burst", value, &bandwidth->egress.burst_bits, err);
	}
}

static int mode_take(const char *value, struct attach_request *request, struct error *err)
{
	enum nk_mode mode;
	int ret = mode_parse(value, &mode, err);

	if (!ret)
		request->mode = (int)mode;
	return ret;
}

static int device_take(const char *value, struct attach_request *request, struct error *err)
{
	enum nk_device device;
	int ret = device_parse(value, &device, err);

	if (!ret)
		request->device = (int)device;
	return ret;
}

static int option_take(int id, const char *value, struct words *words,
		       struct attach_request *request, struct error *err)
{
	switch (id) {
	case 'n':
		request->ns = value;
		break;
	case 'a':
		return address_add(request, value, err);
	case 'f':
		words->ifname = value;
		break;
	case 'i':
		words->id = value;
		break;
	case 'w':
		words->network = value;
		break;
	case 'm':
		return mtu_parse(request, value, err);
	case 'o':
		return mode_take(value, request, err);
	case 'd':
		return device_take(value, request, err);
	case 'p':
		return port_add(request, value, err);
	case 'q':
	case 'Q':
		return cli_take_masquerade(id == 'q', &request->masquerade, err);
	case 'M':
		request->no_metadata = true;
		break;
	default:
		return limit_take(id, value, &request->bandwidth, err);
	}
	return 0;
}

static int request_parse(struct cli *cli, struct attach_request *request, struct error *err)
{
	struct words words = { .network = DEFAULT_NETWORK, .ifname = DEFAULT_IFNAME };
	char id[IDENTITY_ID_SIZE];
	const char *value;
	int option, ret;

	while ((option = cli_next(cli, &value, err)) > 0) {
		ret = option_take(option, value, &words, request, err);
		if (ret)
			return ret;
	}
	ret = option ? option : cli_arguments_but_ns(cli, request->ns, err);
	if (ret)
		return ret;
	if (!request->ns)
		return error_set(err, EINVAL, "--ns is missing: which network namespace?");
	if (!request->address_count)
		request->auto_addresses = true;
	ret = words.id ? 0 : identity_id_from_ns(request->ns, id, err);
	if (ret)
		return ret;
	return identity_init(&request->identity, words.network, words.id ? words.id : id,
			     words.ifname, err);
}

static void link_warning_print(const struct attach_result *result)
{
	char device[IF_NAMESIZE];

	if (!result->on_link.ifindex ||
	    !if_indextoname((unsigned int)result->on_link.ifindex, device))
		return;
	text_sanitize(device);
	log_warning("%s is on the link of %s as well: who has it there isn't reached from here any "
		    "more",
		    addr_format(&result->on_link.addr).text, device);
}

static void warnings_print(const struct attach_result *result)
{
	link_warning_print(result);
	publish_report_print(&result->publish, result->endpoint.identity.id);
	if (result->veth_instead)
		log_warning("this kernel has no netkit: %s got a veth pair, which costs more per "
			    "packet",
			    result->endpoint.identity.id);
	if (result->shares_ports)
		log_warning("masquerading has to share ports with the host's own sockets: `nkctl "
			    "doctor` tells more");
	if (result->no_uplink)
		log_warning("no device carries a default route: %s reaches this host and its "
			    "containers only (`nkctl uplink add` names one)",
			    result->endpoint.identity.id);
}

static void limits_print(const struct endpoint *endpoint)
{
	char limits[LIMITS_TEXT_SIZE];

	endpoint_limits_text(endpoint, limits);
	if (*limits)
		(void)printf("%s: limited to %s bits per second\n", endpoint->identity.id, limits);
}

static int result_print(const struct cli *cli, const struct attach_result *result,
			struct error *err)
{
	const struct endpoint *endpoint = &result->endpoint;
	char addresses[ADDRESSES_TEXT_SIZE];

	warnings_print(result);
	if (cli->json)
		return output_json(endpoint_to_json(endpoint), err);
	endpoint_addresses_text(endpoint, addresses);
	(void)printf("%s: %s attached to network %s as %s (%s, %s, mtu %u)\n",
		     endpoint->identity.id, endpoint->identity.ifname, endpoint->identity.network,
		     addresses, device_name(endpoint->kind), mode_name(endpoint->mode),
		     endpoint->link.mtu);
	for (size_t i = 0; i < endpoint->published.count; i++)
		(void)printf("%s: %s published\n", endpoint->identity.id,
			     publish_format(&endpoint->published.specs[i]).text);
	limits_print(endpoint);
	return 0;
}

static int attach(const struct cli *cli, const struct attach_request *request, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	struct attach_result result = { 0 };
	int ret = node_open_live(&node, PINS_SHARED, err);

	if (ret == -ENOENT)
		ret = node_open_unloaded(&node, err);
	log_step("node_open");
	if (!ret)
		ret = endpoint_attach(&node, request, &result, err);
	if (!ret)
		ret = result_print(cli, &result, err);
	endpoint_free(&result.endpoint);
	return ret;
}

static int attach_run(struct cli *cli, struct error *err)
{
	struct attach_request request = { .mode = ATTACH_UNSET,
					  .device = ATTACH_UNSET,
					  .masquerade = ATTACH_UNSET };
	int ret = request_parse(cli, &request, err);

	if (!ret)
		ret = attach(cli, &request, err);
	publish_list_free(&request.ports);
	if (ret)
		return error_prefix(err, "attach%s%s", *request.identity.id ? " " : "",
				    request.identity.id);
	return 0;
}

const struct cli_command command_attach = {
	.name = "attach",
	.arguments = "--ns NS",
	.summary = "put a network namespace on the network",
	.help = "Makes a netkit pair into the namespace, gives the container addresses and a "
		"default\n"
		"route, and attaches the program that lets it send. The first attach loads the "
		"programs;\n"
		"each further one only attaches. A failed attach leaves nothing.\n"
		"\n"
		"Examples:\n"
		"  nkctl attach --ns ctr1\n"
		"  nkctl attach --ns ctr1 --ip 10.88.0.7 --ip fd00:88::7\n"
		"  nkctl attach --ns ctr1 --publish 8080:80 --publish 127.0.0.1:53:53/udp\n"
		"  nkctl attach --ns /proc/4711/ns/net --id web --ifname net0\n"
		"  nkctl attach --ns ctr2 --ingress-rate 100M --egress-rate 20M\n"
		"  nkctl attach --ns vm1 --mode l2 --network lab",
	.changes = true,
	.options = options,
	.run = attach_run,
};
