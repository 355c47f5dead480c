# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Theory of operation: bench/report gives this the names of documents as arguments, their texts by
# these names, and the style sheet $css. Each document is recognised by its form and checked, and becomes sections: {title, lead, charts, tables}.
# Of these come two texts: the page, with a line '@chart N@' where a plot belongs, and the commands by
# which gnuplot draws all plots. Every figure in them is one of a document; no text here holds one.

## Words

def case_titles: {
	host: "host", nkctl: "nkctl", nkctl_nat: "nkctl, masquerade",
	nkctl_beside: "nkctl, beside masq.",
	nkctl_ipam: "nkctl, host-local", nkctl_ipam_nat: "nkctl, masq., host-loc.",
	nkctl_l2: "nkctl, mode l2", nkctl_veth: "nkctl by veth",
	veth: "routed veth (ptp)", veth_nat: "ptp, ipMasq", bridge: "bridge", bridge_nat: "bridge, ipMasq",
	ptp: "ptp", ptp_nat: "ptp, ipMasq"};

def test_titles: {
	tcp_stream: "TCP stream to a remote host", tcp_stream_4: "Four TCP streams to a remote host",
	tcp_rr: "TCP_RR to a remote host", udp_rr: "UDP_RR to a remote host",
	tcp_crr: "TCP_CRR to a remote host", udp_load: "Small UDP datagrams at a fixed rate",
	udp_send: "UDP datagram sent", udp_receive: "UDP datagram received",
	tcp_rr_published: "TCP_RR to a published port",
	tcp_rr_local: "TCP_RR on this node, against loopback",
	tcp_stream_local: "TCP stream on this node, against loopback", tcp_rr_host: "TCP_RR of the host itself"};

def family_title: {ipv4: "IPv4", ipv6: "IPv6"}[.] // .;
def case_title: case_titles[.] // .;
def test_title: test_titles[.] // .;

# The case's colour: a name in report.css.
def colour: if startswith("nkctl") then "nkctl" elif . == "host" then "host" else "other" end;

# In the order of these titles, what has none at the end.
def by_title($titles; name): ($titles | keys_unsorted) as $order |
	sort_by(name as $name | $order | index($name) // length);

## Numbers

def fixed($digits):
	pow(10; $digits) as $unit | (fabs * $unit | round) as $all |
	(if . < 0 and $all > 0 then "-" else "" end) + ($all / $unit | floor | tostring) +
	(if $digits == 0 then "" else "." + ($all % $unit | tostring | ("0" * ($digits - length) // "") + .) end);

# Three digits that mean something, and never less than what is before the point.
def shown: fabs as $size |
	if $size >= 100 then fixed(0) elif $size >= 10 then fixed(1) else fixed(2) end;
def ratio_shown: fixed(2);
def range_shown: if . then "\(.[0] | shown)–\(.[1] | shown)" else "none" end;

## Documents, by their form

def refuse($why): error("\(.name): \($why)");
def need(condition; $why): if condition then . else refuse($why) end;
def is_number(values): all(values; type == "number");
def is_numbers: type == "array" and all(.[]; type == "number");
def is_text: type == "string";

# In an array of its own: the 'try' of jq 1.6 would catch what comes after it as well.
def parsed: [.text | try {data: fromjson} catch {why: .}][0] as $parsed |
	need($parsed | has("data"); "it isn't JSON: \($parsed.why // "it is empty")") | .data = $parsed.data |
	need(.data | type == "object"; "it is no JSON object");

def is_instructions: has("figures") | not;
def is_cni: .figures | type == "object";
def is_counted: (.figures | type == "array") and (.figures | all(.[]; type == "object" and has("instructions")));

# bench/baseline.json: {KERNEL: {kernel, ratios: {CASE: {"TEST FAMILY": RATIO}}}}, and one comment.
def checked_instructions:
	.data |= del(.["//"]) |
	need(.data | length > 0; "it has no kernel's ratios") |
	need(.data | all(.[]; type == "object" and (.kernel | is_text) and (.ratios | type == "object"));
		"a kernel's entry needs \"kernel\" and \"ratios\"") |
	need(.data | all(.[].ratios[]; type == "object"); "a case's ratios are no object") |
	need(.data | all(.[].ratios[] | to_entries[];
			is_number(.value) and (.key | test("^[a-z0-9_]+ ipv[46]$")));
		"ratios are numbers by \"TEST FAMILY\"");

# What 'bench/run --json' prints, in the form of the baseline.
def instructions_of_counted:
	need(.data.kernel | is_text; "it needs \"kernel\"") |
	need(.data.figures | all(.[]; all(.case, .test, .family; is_text) and
			(.case == "host" or is_number(.ratio)));
		"a figure needs \"case\", \"test\", \"family\" and a number \"ratio\"") |
	.data |= {(.kernel): {kernel, ratios: (reduce (.figures[] | select(.case != "host")) as $figure ({};
		.[$figure.case]["\($figure.test) \($figure.family)"] = $figure.ratio))}};

# bench/cni.json: {nkctl, kernel, ..., figures: {"TEST CASE": {median, quartiles, ...}}, targets}.
def checked_cni:
	need(.data | all(.kernel, .nkctl, .processors; is_text);
		"it needs \"kernel\", \"nkctl\" and \"processors\"") |
	need(.data.figures | length > 0; "it has no figures") |
	need(.data.figures | all(.[]; type == "object" and is_number(.median, .rounds) and
			(.quartiles | is_numbers and length == 2));
		"a figure needs numbers \"median\" and \"rounds\" and two \"quartiles\"") |
	need(.data.targets // [] | type == "array" and all(.[]; (.name | is_text) and is_number(.ratio));
		"a target needs \"name\" and a number \"ratio\"");

# What bench/native makes: {form: "native", kernel, ..., figures: [{case, test, family, metric, ...}]}.
def is_range: . == null or (is_numbers and length == 2);
def is_native_figure: type == "object" and all(.case, .test, .family, .metric, .unit, .tool; is_text) and
	is_number(.median) and (.interval | is_range) and (.rounds | is_numbers) and
	(.case == "host" or (is_number(.ratio) and (.ratio_interval | is_range)));

def checked_native:
	need(.data | all(.kernel, .nkctl, .processors, .cpu; is_text);
		"it needs \"kernel\", \"nkctl\", \"processors\" and \"cpu\"") |
	need(.data.figures | type == "array" and length > 0; "it has no figures") |
	(first(.data.figures | to_entries[] | select(.value | is_native_figure | not)) // null) as $broken |
	need($broken == null; "its figure \($broken.key) isn't a case's, test's, family's and metric's median, " +
		"interval, rounds and ratio");

## Sections: what is drawn, what is tabulated, and what it depends on

# chart: {title, note, reference, most, rows: [{label, colour, value, low, high, text}]}, where most is the
#	scale's, if it isn't that of the rows; or rows of {label, colour, percentiles, text}
# table: {title, columns, rows: [[cell...]]}, where a cell that is {n: TEXT} holds a figure

def n: {n: .};

# A table of facts, of [name, text] where there is a text.
def facts_table(facts): {title: "Measured with", columns: ["", ""],
	rows: [facts | select(.[1]) | .[1] |= (tostring | n)]};

def instructions_charts($ratios):
	[$ratios | [.[] | keys_unsorted[] | split(" ")[0]] | unique | by_title(test_titles; .)[] as $test |
	{title: ($test | test_title), note: "host = 1; fewer is better", reference: 1,
	 most: ([$ratios[][]] | max), rows: [
		$ratios | to_entries | by_title(case_titles; .key)[] | .key as $case |
		("ipv4", "ipv6") as $family | .value["\($test) \($family)"] // empty |
		{label: "\($case | case_title) \($family | family_title | ltrimstr("IP"))", colour: ($case | colour),
		 value: ., text: ratio_shown}]}];

def instructions_table($ratios): ($ratios | to_entries | by_title(case_titles; .key)) as $cases |
	{title: "Instructions of the container's side of a transaction, as a multiple of the host's (R)",
	 columns: ["", ($cases[].key | case_title)],
	 rows: [[$ratios[] | keys_unsorted[]] | unique | by_title(test_titles; split(" ")[0])[] as $name |
		($name | split(" ")) as [$test, $family] |
		["\($test | test_title), \($family | family_title)",
		 ($cases[].value[$name] | if . then fixed(3) else "–" end | n)]]};

def instructions_sections: .data[] |
	{title: "Instructions per packet, kernel \(.kernel)",
	 lead: ("How many instructions the kernel executes for a container's packet, as a multiple of what it " +
		"executes for the host's own. They are counted, not timed, in a virtual machine, so that they are " +
		"the same on every run and every machine."),
	 charts: instructions_charts(.ratios), tables: [instructions_table(.ratios)]};

def cni_tests($parallel): {
	add: "ADD", del: "DEL", del_done: "DEL until the devices are freed",
	add_many: "\($parallel) ADDs at once", del_many: "\($parallel) DELs at once",
	del_many_done: "\($parallel) DELs until all is freed"};

# Times are in microseconds, and shown in milliseconds.
def ms: . / 1000;

def cni_figures($figures): [$figures | to_entries[] | (.key | split(" ")) as [$test, $case] |
	.value + {test: $test, case: $case}] | by_title(case_titles; .case);

def cni_chart($figures; $test; $title):
	{title: $title, note: "ms, median and quartiles; less is better", rows: [
		cni_figures($figures)[] | select(.test == $test) |
		{label: (.case | case_title), colour: (.case | colour), value: (.median | ms),
		 low: (.quartiles[0] | ms), high: (.quartiles[1] | ms), text: (.median | ms | shown)}]};

def cni_table($title; $tests; $unit; scaled): . as $figures |
	{title: "\($title), \($unit): median (quartiles)", columns: ["", ($tests | .[])],
	 rows: [cni_figures($figures) | group_by(.case)[] |
		select(any(.[]; .test as $test | $tests | has($test)))] | map(INDEX(.[]; .test)) |
		by_title(case_titles; [.[]][0].case) | map([([.[]][0].case | case_title),
			(. as $row | $tests | keys_unsorted[] as $test | $row[$test] |
			if . then "\(.median | scaled | shown) (\(.quartiles | map(scaled) | range_shown))" else "–" end | n)])};

def cni_sections: .data | (.parallel // 0 | tostring) as $parallel | cni_tests($parallel) as $tests |
	.figures as $figures |
	{title: "What a container runtime waits for",
	 lead: ("Time of the CNI plugins' calls on kernel \(.kernel), \(.processors) processors, in interleaved " +
		"rounds, by nkctl \(.nkctl). Whiskers are quartiles: where they overlap, none is faster."),
	 charts: [$tests | to_entries[] | cni_chart($figures; .key; .value) | select(.rows | length > 0)],
	 tables: ([
		($figures | cni_table("Time"; $tests; "ms"; ms)),
		($figures | cni_table("Memory"; {memory: "ADD"}; "KB"; .)),
		{title: "Ratios of medians", columns: ["", "ratio"],
		 rows: [.targets // [] | .[] | [.name, (.ratio | ratio_shown | n)]]},
		facts_table(["kernel", .kernel], ["nkctl", .nkctl], ["processors", .processors],
			["load before", .load_before], ["load after", .load_after])] | map(select(.rows | length > 0)))};

# By which metric the cases are compared: the rate, unless that is given.
def main_metric: if . == "udp_load" then "p99" else "rate" end;

def percentiles: ["p50", "p90", "p99", "p99.9"];

def verdict_shown: if . == "better" then "faster" elif . == "worse" then "slower" else "–" end;

# Figures by test and family, each {test, family, cases: [{METRIC: figure}]}.
def native_groups: [.figures | group_by(.test, .family)[] | {test: .[0].test, family: .[0].family,
	cases: (group_by(.case) | map(INDEX(.[]; .metric)) | by_title(case_titles; [.[]][0].case))}] |
	by_title(test_titles; .test);

def native_title: "\(.test | test_title), \(.family | family_title)";

def ratio_chart: (.test | main_metric) as $metric | [.cases[][$metric] | values | select(.case != "host")] |
	select(length > 0) as $figures |
	{note: "ratio to host = 1, median and 95% interval; \($figures[0].better // "more") is better", reference: 1,
	 rows: [$figures[] | {label: (.case | case_title), colour: (.case | colour), value: .ratio,
		low: (.ratio_interval // [])[0], high: (.ratio_interval // [])[1],
		text: (.ratio | ratio_shown)}]};

def latency_chart: [.cases[] | select(. as $metrics | all(percentiles[]; $metrics[.]))] | select(length > 0) as $cases |
	{note: "microseconds; the figure is p99; less is better", rows: [$cases[] |
		{label: (.p99.case | case_title), colour: (.p99.case | colour),
		 percentiles: [.[percentiles[]].median], text: (.p99.median | shown)}]};

def native_table: (.test | main_metric) as $metric | ([.cases[] | .[percentiles[]] | values] | length > 0) as $timed |
	([.cases[][$metric] | values][0]) as $first |
	{title: "\(native_title): \(if $metric == "rate" then "" else "\($metric), " end)\($first.unit), by \($first.tool)",
	 columns: ["", "median", "95% interval", "ratio", "95% interval", "against the host",
		(if $timed then percentiles[] | "\(.), us" else empty end)],
	 rows: [.cases[] | . as $metrics | .[$metric] | values | [(.case | case_title), (.median | shown | n), (.interval | range_shown | n),
		(if .case == "host" then ("–", "–", "–" | n) else (.ratio | ratio_shown | n), (.ratio_interval | range_shown | n),
			(.verdict | verdict_shown | n) end),
		(if $timed then $metrics[percentiles[]] | if . then .median | shown | n else "–" end else empty end)]]};

def native_facts: . as $data | facts_table(
	(("date", "kernel", "nkctl", "cpu", "processors", "virtual", "cmdline", "wire", "device", "rounds", "repeated", "seconds", "iperf3", "sockperf",
		"load_before", "load_after") | [gsub("_"; " "), $data[.]]),
	(.sysctls // {} | to_entries[] | [.key, .value]),
	(.firewall_rules // {} | to_entries[] | ["firewall rules, \(.key | case_title)", .value]));

def native_sections: .data | native_groups as $groups |
	{title: "Traffic, kernel \(.kernel)",
	 lead: ("Throughput, transactions and latency on \(.processors) processors (\(.cpu)), by this machine's own clock, in " +
		"interleaved rounds. A ratio is the median of what each round gave against the host of the same round; " +
		"there is a verdict only where the intervals of the figures themselves don't overlap."),
	 charts: [$groups[] | {title: native_title} + ratio_chart],
	 tables: []},
	{title: "Latency, kernel \(.kernel)", legend: true,
	 lead: "Medians of the rounds' percentiles, on a logarithmic scale: from the left p50, p90, p99 and p99.9.",
	 charts: [$groups[] | {title: native_title} + latency_chart], tables: []},
	{title: "Traffic in figures, kernel \(.kernel)", lead: "What the plots show.",
	 charts: [], tables: [($groups[] | native_table), native_facts]} |
	select(.charts + .tables | length > 0);

## The headline: a few figures that stand for the rest, {figure, words}

def instructions_headline: [.data[]] | last | .kernel as $kernel | .ratios.nkctl["tcp_rr ipv4"] // empty |
	{figure: "\(ratio_shown) ×", words: ("the host's instructions for a TCP request and " +
		"its response, container to a remote host (IPv4, kernel \($kernel))")};

def cni_headline: .data.figures | select(.["add nkctl"]) |
	def time($name): .["add \($name)"] | values | "\(.median | ms | shown) ms";
	{figure: time("nkctl"), words: ("a container runtime waits for ADD" +
		([("ptp", "bridge") as $other | time($other) | "; \(.) by \($other)"] | join("")))};

# A ratio that may be chance isn't one to lead with: then the interval is, or nothing where there is none.
def native_headline: .data.figures | INDEX(.[]; "\(.case) \(.test) \(.family) \(.metric)") as $figures |
	[("nkctl", "nkctl_veth", "nkctl_nat") as $case | $figures["\($case) tcp_rr ipv4 rate"] | values][0] | values |
	select(.ratio_interval) |
	{figure: "\(if .verdict then .ratio | ratio_shown else .ratio_interval | range_shown end) ×",
	 words: ("the host's TCP requests per second, \(.case | case_title) to a remote host (IPv4; 95% interval" +
		(if .verdict then " \(.ratio_interval | range_shown))" else "; which is more can't be told)" end))};

## A document with its section and headline

def read_document: parsed |
	if .data.form == "native" then checked_native | {sections: [native_sections], headline: [native_headline]}
	elif .data | is_instructions then checked_instructions | {sections: [instructions_sections], headline: [instructions_headline]}
	elif .data | is_counted then instructions_of_counted | {sections: [instructions_sections], headline: [instructions_headline]}
	elif .data | is_cni then checked_cni | {sections: [cni_sections], headline: [cni_headline]}
	else refuse("it has none of the forms of bench/run, bench/run --native, bench/baseline.json and bench/cni.json") end;

## The page

def cell($scope): if type == "object" then "<td class=\"n\">\(.n | @html)</td>" elif $scope then
	"<th scope=\"\($scope)\">\(@html)</th>" else "<td>\(@html)</td>" end;

def table_html: "<div class=\"scroll\"><table><caption>\(.title | @html)</caption>",
	"<thead><tr>\(.columns | map(cell("col")) | join(""))</tr></thead>",
	"<tbody>", (.rows[] | "<tr>\((.[0] | cell("row")) + (.[1:] | map(cell(null)) | join("")))</tr>"),
	"</tbody></table></div>";

def chart_html: "<figure><figcaption>\(.title | @html)<small>\(.note | @html)</small></figcaption>",
	"@chart \(.index)@", "</figure>";

# The marks of latency_plot.
def percentiles_key: "<ul class=\"key\"><li>● p50</li><li>○ p90</li><li>▲ p99</li><li>◆ p99.9</li></ul>";

def section_html: "<section><h2>\(.title | @html)</h2><p>\(.lead | @html)</p>",
	(if .legend then percentiles_key else empty end),
	"<div class=\"plots\">", (.charts[] | chart_html), "</div>",
	(.tables[] | table_html), "</section>";

def tile_html: "<div class=\"tile\"><b>\(.figure | @html)</b>\(.words | @html)</div>";

def method_html: "<section><h2>How it was measured</h2><ul>",
	"<li>Instructions are counted in a virtual machine, whose clock advances with each. The network is a host, " +
		"a remote host across a veth wire, and a container in the host's place.</li>",
	"<li>Times are those of one machine, in rounds in which each case has its turn: compare them within a " +
		"section, not between machines.</li>",
	"<li>Traffic is made by iperf3 (streams), sockperf (requests and latency) and bench/traffic of nkctl (connections, and " +
		"requests of a family that sockperf doesn't know; both ends on one processor).</li>",
	"<li>Where the intervals of two figures overlap, the page says nothing about which is the better one.</li>",
	"<li>bench/README.md of nkctl tells the rest, and how to repeat it.</li></ul></section>";

def page: "<!DOCTYPE html>",
	"<html lang=\"en\"><head><meta charset=\"utf-8\">",
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
	"<title>nkctl, measured</title><style>\n\($css)</style></head><body>",
	"<h1>nkctl, measured</h1>",
	"<p>What a container's network costs beside the host's own, and beside what else connects containers.</p>",
	"<div class=\"tiles\">", (.headline[] | tile_html), "</div>",
	"<ul class=\"key\"><li><i style=\"background:var(--host)\"></i>host networking</li>",
	"<li><i style=\"background:var(--nkctl)\"></i>nkctl</li>",
	"<li><i style=\"background:var(--other)\"></i>other ways to connect a container</li></ul>",
	(.sections[] | section_html), method_html,
	"</body></html>";

## The plots

# Colours that bench/report replaces by those of report.css.
def palette: {nkctl: 1, other: 2, host: 3, text: 4, line: 5, interval: 6};
def paint($name): palette[$name] * 65793; # as much red as green and blue

def quoted: gsub("[^A-Za-z0-9 .,()/+%-]"; "?") | "\"\(.)\"";

def bar_rows: .rows | to_entries[] |
	"\(.key) \(.value.value) \(.value.low // .value.value) \(.value.high // .value.value) \(.value.label | quoted) \(.value.text | quoted) \(paint(.value.colour))";

# A distance of marks that makes two to four of them: 1, 2 or 5 times a power of ten.
def step: (. / 4) as $least | pow(10; $least | log10 | floor) as $unit |
	first((1, 2, 5, 10) * $unit | select(. >= $least));

def plot_begin: (.rows | length) as $count |
	"set terminal svg size 360,\(34 + 19 * $count) noenhanced font 'sans-serif,12' background '#ffffff'",
	"set output 'chart-\(.index).svg'", "set yrange [\($count - 0.4):-0.6]";

def latency_plot: ([.rows[].percentiles[]] | max * 1.3) as $most |
	([.rows[].percentiles[]] | min / 1.3 | if . > 0 then . else 0.01 end) as $least |
	plot_begin, "$rows << END",
	(.rows | to_entries[] | "\(.key) \(.value.percentiles | join(" ")) \(.value.label | quoted) \(.value.text | quoted) \(paint(.value.colour))"),
	"END", "unset arrow", "set logscale x", "set xrange [\($least):\($most)]", "set xtics autofreq", "set format x '%.0s%c'",
	"plot $rows using 2:1:($5-$2):(0):8:ytic(6) with vectors nohead lw 2 lc rgb variable, " +
		([{pt: 7, column: 2}, {pt: 6, column: 3}, {pt: 9, column: 4}, {pt: 13, column: 5}] | map(
			"$rows using \(.column):1:8 with points pt \(.pt) ps 0.7 lw 1.5 lc rgb variable, ") | join("")) +
		"$rows using (\($most)):1:7 with labels left offset 0.6,0 textcolor rgb \(paint("text"))";

def bars: (.most // (.rows | map(.value, .high // 0) | max) | . * 1.04 | if . > 0 then . else 1 end) as $most |
	plot_begin, "$rows << END", bar_rows, "END", "unset logscale x", "set format x '%g'",
	"set xrange [0:\($most)]", "set xtics 0,\($most | step)",
	(if .reference then "set arrow 1 from \(.reference),graph 0 to \(.reference),graph 1 nohead lw 1.5 lc rgb \(paint("text"))" else "unset arrow" end),
	"plot $rows using (0):1:(0):2:($1-0.34):($1+0.34):7:ytic(5) with boxxyerror fs solid noborder lc rgb variable, " +
		(if any(.rows[]; .low) then "$rows using 2:1:3:4 with xerrorbars pt 0 lw 1.2 lc rgb \(paint("interval")), " else "" end) +
		"$rows using (\($most)):1:6 with labels left offset 0.6,0 textcolor rgb \(paint("text"))";

def gnuplot:
	"set key off", "set border 0", "set tics scale 0", "set lmargin at screen 0.46",
	"set rmargin at screen 0.84", "set tmargin 0.3", "set bmargin 1.8",
	"set xtics textcolor rgb \(paint("text"))", "set ytics textcolor rgb \(paint("text"))",
	"set grid xtics linecolor rgb \(paint("line")) dashtype 1 linewidth 1",
	(.sections[].charts[] | if .rows[0].percentiles then latency_plot else bars end);

## All of it

def numbered: [foreach .[] as $section ({next: 0}; .next as $first | {next: ($first + ($section.charts | length)),
	section: ($section | .charts |= (to_entries | map(.value + {index: ($first + .key)})))}; .section)];

[$ARGS.positional[] | {name: ., text: $ARGS.named[.]}] | map(read_document) | {sections: (map(.sections[]) | numbered), headline: map(.headline[])} |
{page: [page] | join("\n"), gnuplot: [gnuplot] | join("\n"), colours: palette}
