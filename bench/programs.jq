# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Of bench/programs and bench/attach: the JSON of a measure, made of its lines, and the table made of
# that. A line is 'fact NAME VALUE', or 'LABEL=VALUE... FIGURE' for a figure of a round.

def quantile($q): sort | ((length - 1) * $q) as $at | ($at | floor) as $low |
	.[$low] + ((.[$low + 1] // .[$low]) - .[$low]) * ($at - $low);

def rounded: . * 100 | round / 100;

# A number, where a text is one.
def value: . as $text | try tonumber catch $text;

def labels: split(" ") | map(split("=") | {key: .[0], value: (.[1] | value)}) | from_entries;

# All lines: {facts, samples}, where samples has a list of figures, a round's each, for all labels.
def parse: reduce inputs as $line ({facts: {}, samples: {}};
	($line | split(" ")) as $words |
	if $words[0] == "fact" then .facts[$words[1]] = ($words[2:] | join(" ") | value)
	else .samples[$words[:-1] | join(" ")] += [$words[-1] | tonumber] end);

# What hooks cost, of each round: the first program, and each further one, which is the slope of the
# line through all numbers of programs from 1 to 16 (least squares).
def with_hook_costs: . as $samples | reduce ($samples["hook=none programs=0"] | range(length)) as $round
	(.; reduce ("tcx", "cls_bpf", "cls_bpf_list") as $hook (.;
		def at($n): $samples["hook=\($hook) programs=\($n)"][$round];
		([range(1; 17) | {x: (. - 8.5), y: at(.)}] |
			(map(.x * .y) | add) / (map(.x * .x) | add)) as $slope |
		.["hook=\($hook) cost=first"] += [at(1) - $samples["hook=none programs=0"][$round]] |
		.["hook=\($hook) cost=further"] += [$slope]));

# The measure $name, of the lines that are the input.
def measure($name; $place; $unit; $method):
	parse |
	if $name == "hooks" then .samples |= with_hook_costs else . end |
	{name: $name, place: $place, kernel: .facts.kernel, machine: (.facts | del(.kernel)),
	 method: $method, unit: $unit,
	 figures: [.samples | to_entries[] | (.key | labels) + (.value | {
		median: (quantile(.5) | rounded),
		quartiles: [quantile(.25, .75) | rounded],
		least: (min | rounded),
		rounds: length})]};

## Tables

def left($n): tostring | . + " " * ([$n - length, 0] | max);
def right($n): tostring | " " * ([$n - length, 0] | max) + .;

# Figures of an emulated processor have no spread worth showing.
def figure($unit): if . == null then "-"
	elif $unit == "instructions" then .median | tostring
	else "\(.median | round) (\(.quartiles | map(round | tostring) | join("-")))" end;

# The figure that has these labels.
def find($labels): first(.figures[] | select(. as $figure | all($labels | to_entries[];
	$figure[.key] == .value))) // null;

def row($cells): ($cells[0] | left(34)) + ($cells[1:] | map(" " + right(21)) | join(""));

def hooks_table: . as $measure | ["tcx", "cls_bpf", "cls_bpf_list"] as $hooks |
	def line($title; labels): row([$title, ($hooks[] | . as $hook | $measure |
		find({hook: $hook} + labels) | figure($measure.unit))]);
	row(["programs", $hooks[]]),
	row(["none", (find({hook: "none"}) | figure($measure.unit))]),
	(range(1; 17) as $n | line($n; {programs: $n})),
	line("the first one"; {cost: "first"}),
	line("each further one"; {cost: "further"});

def verdicts_table: . as $measure |
	[{nat: 0, paths: 0}, {nat: 0, paths: 1}, {nat: 1, paths: 0}, {nat: 1, paths: 1}] as $settings |
	row(["", ($settings[] | "\(if .nat == 1 then "nat" else "-" end), " +
		(if .paths == 1 then "paths" else "-" end))]),
	([.figures[] | {program, way, family, repeat}] | unique_by([.program, .way, .family, .repeat])[] |
		. as $labels |
		row(["\(.way) \(.family)" + if .repeat > 1 then " x\(.repeat)" else "" end,
			($settings[] | . as $setting | $measure | find($labels + $setting) |
			 figure($measure.unit))]));

def lookups_table: . as $measure |
	[{paths: 0, family: "ipv4"}, {paths: 0, family: "ipv6"},
	 {paths: 1, family: "ipv4"}, {paths: 1, family: "ipv6"}] as $columns |
	def bytes($map; $n): find({map: $map, endpoints: $n}).median;
	[.figures[] | select(.family) | .endpoints] | unique as $sizes |
	row(["endpoints", ($columns[] | .family + if .paths == 1 then ", paths" else "" end)]),
	($sizes[] as $n | row([$n, ($columns[] | . as $column | $measure |
		find($column + {endpoints: $n}) | figure($measure.unit))])),
	($measure | ("endpoints_v4", "endpoints_v6") as $map |
		"an entry of \($map): \((bytes($map; $sizes[-1]) - bytes($map; $sizes[0])) /
			($sizes[-1] - $sizes[0]) | rounded) bytes");

def attach_table: . as $measure |
	([.figures[].endpoints] | unique) as $sizes |
	# In the order in which they happen.
	(reduce (.figures[].step | values) as $step ([]; if index($step) then . else . + [$step] end))
		as $steps |
	row(["endpoints", $sizes[]]),
	($steps[] as $step | row([$step, ($sizes[] as $n | $measure |
		find({step: $step, endpoints: $n}) | figure($measure.unit))])),
	row(["bytes of an endpoint", ($sizes[] as $n | $measure |
		find({memory: "endpoint", endpoints: $n}).median)]);

def table:
	"\(.name): \(.unit), \(if .unit == "instructions" then "the median" else "median (quartiles)" end), of \(.method)",
	"kernel \(.kernel), \(.machine.processors) x \(.machine.model), load \(.machine.load)",
	(if .name == "hooks" then hooks_table
	 elif .name == "verdicts" then verdicts_table
	 elif .name == "lookups" then lookups_table
	 else attach_table end);
