#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A packet's way takes no more instructions than bench/baseline.json says, but for a hundredth. The
# clock of the VM counts them, so they are the same however busy this machine is.

set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
exec bench/run --kernel 6.12 --tap --tests tcp_rr,udp_send,udp_receive nkctl nkctl_nat
