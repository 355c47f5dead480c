// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Part of the static program only: what its libraries refer to and nkctl never calls.
 *
 * libnl can resolve names of hosts and protocols. Left to glibc, these functions would bring the
 * whole name service switch into the program, and the linker's warnings that it doesn't work
 * there.
 *
 * Debian 13's libelf.a refers to a part of elfutils' internal library (lib/eu-search.h) that no
 * package has: trees of tsearch(3) with a lock. One thread needs no lock. They are weak, for a
 * libelf.a that is whole.
 */
#include <netdb.h>
#include <search.h>
#include <stddef.h>

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): glibc's begin with __ */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **res)
{
	(void)node;
	(void)service;
	(void)hints;
	(void)res;
	return EAI_FAIL;
}

void freeaddrinfo(struct addrinfo *res)
{
	(void)res;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

struct protoent *getprotobyname(const char *name)
{
	(void)name;
	return NULL;
}

struct protoent *getprotobynumber(int proto)
{
	(void)proto;
	return NULL;
}

/* The first member of elfutils' search_tree; the lock behind it isn't touched. */
struct search_tree {
	void *root;
};

void eu_search_tree_init(struct search_tree *tree);
void eu_search_tree_fini(struct search_tree *tree, void (*free_node)(void *));
void *eu_tsearch(const void *key, struct search_tree *tree,
		 int (*compare)(const void *, const void *));
void *eu_tdelete(const void *key, struct search_tree *tree,
		 int (*compare)(const void *, const void *));

__attribute__((weak)) void eu_search_tree_init(struct search_tree *tree)
{
	tree->root = NULL;
}

__attribute__((weak)) void eu_search_tree_fini(struct search_tree *tree, void (*free_node)(void *))
{
	tdestroy(tree->root, free_node);
	tree->root = NULL;
}

__attribute__((weak)) void *eu_tsearch(const void *key, struct search_tree *tree,
				       int (*compare)(const void *, const void *))
{
	return tsearch(key, &tree->root, compare);
}

__attribute__((weak)) void *eu_tdelete(const void *key, struct search_tree *tree,
				       int (*compare)(const void *, const void *))
{
	return tdelete(key, &tree->root, compare);
}
