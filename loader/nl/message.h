/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What netlink messages hold, read within their bounds: libmnl takes their lengths on trust. */
#ifndef NKCTL_NL_MESSAGE_H
#define NKCTL_NL_MESSAGE_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether all of a message is within the next @len bytes. */
bool message_ok(const struct nlmsghdr *message, int len);

/* message_header() - the family's own header (ifinfomsg, rtmsg ...). Return: NULL: it is cut off.
 */
const void *message_header(const struct nlmsghdr *message, size_t size);

/* attr_u32(), attr_u64() - a number; 0 where the attribute is too short for one. */
uint32_t attr_u32(const struct nlattr *attr);
uint64_t attr_u64(const struct nlattr *attr);

/* attr_text() - a text, cut to what fits. @ret_text: ends with a zero, whatever the attribute does
 */
void attr_text(const struct nlattr *attr, char *ret_text, size_t size);

#endif
