"""How figures are written for people."""


def table(titles, rows):
    """A Markdown table; the first column is text, the others are numbers."""
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)], *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def number(value, digits=2):
    return f"{value:,.{digits}f}"


def mib(count):
    return f"{count / 2**20:,.0f}"


def about(lines):
    """When, where and with what: one paragraph."""
    one = next(line for line in lines if line["kind"] == "about")
    machine = one["machine"]
    with_what = [f"{name} {version}" for name, version in sorted(one["versions"].items())] + [one[key] for key in ("server",) if key in one]
    return (f"{one['date'][:10]}; {machine['processor']}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB, "
            f"{machine['system']}, Linux {machine['kernel']}, load before {machine['load_before']:.2f}; {', '.join(with_what)}.\n")


def targets(lines):
    """What was aimed at, and whether it is reached."""
    text = ""
    for line in lines:
        if line["kind"] == "target":
            big = line["bound"] >= 1 << 20
            found, bound = (f"{mib(value)} MiB" if big else number(value) for value in (line["found"], line["bound"]))
            aim = f"aimed at {'at most' if line['at_most'] else 'at least'} {bound}, {'reached' if line['holds'] else 'not reached'}"
            text += f"- {line['what'].replace(' in bytes', '')}: **{found}** ({aim})\n"
    return text


def of_kind(lines, kind):
    return [line for line in lines if line["kind"] == kind]
