"""What tidy and the cheat sheet know about deepc.h: its chapters, its public names, its comments."""
import re

STOP = 'Stop here if you only want to use deepc'

DECLARATION = re.compile(
    r'^DC_API\s+(?P<text>(?:/\*.*?\*/|/(?!\*)|[^;{/])*?);(?:(?:[ \t]*|\n[ \t]+)(?P<comment>/\*.*?\*/))?', re.M | re.S)
MACRO = re.compile(r'^#define (?P<name>dc_\w+)\((?P<args>[^)]*)\)[^\n]*?(?P<comment>/\*[^\n]*?\*/)?$', re.M)
TABLE = re.compile(r'^#define (?P<table>DC_(?:UNARY_OPS|UNARY_OPS_WITH|BINARY_OPS))\(X\)(?P<rows>(?:.*\\\n)*.*\n)',
                   re.M)
CHAPTER = re.compile(r'^/\* (@[a-z-]+) [ -]+\*/$', re.M)


class Name:
    """A public function (or function-like macro): where and how it is declared."""

    def __init__(self, name, text, comment, at, table=None):
        self.name, self.text, self.comment, self.at, self.table = name, text, comment, at, table


def interface(header):
    """The part that users read, without its last lines for C++."""
    return header[:header.index(STOP)].split('/* The lists of @types and @layers, as C++11')[0]


def plain(comment):
    """A comment's text on one line."""
    text = re.sub(r'^/\*|\*/$', '', (comment or '').strip())
    return re.sub(r'\s+', ' ', re.sub(r'\n\s*\*?', ' ', text)).strip()


def split_row(text):
    """The cells of a row of a table: split at commas outside parentheses."""
    cells, depth, cell = [], 0, ''
    for c in text:
        depth += (c == '(') - (c == ')')
        if c == ',' and depth == 0:
            cells.append(cell.strip())
            cell = ''
        else:
            cell += c
    return cells + [cell.strip()]


def table_rows(rows):
    """The cells of every X( ... ) of a table."""
    text = rows.replace('\\\n', ' ')
    for m in re.finditer(r'X\(', text):
        depth, end = 1, m.end()
        while depth:
            depth += (text[end] == '(') - (text[end] == ')')
            end += 1
        yield [re.sub(r'\s+', ' ', cell) for cell in split_row(text[m.end():end - 1])]


def public_names(header):
    """Every public function, in the order of the header."""
    text, names = interface(header), []
    for m in DECLARATION.finditer(text):
        declared = re.sub(r'\s+', ' ', re.sub(r'/\*.*?\*/', ' ', m['text'], flags=re.S))
        name = re.search(r'(dc_\w+) ?\(', declared)
        if name and '##' not in declared:
            inside = ' '.join(map(plain, re.findall(r'/\*.*?\*/', m['text'], re.S)))
            names.append(Name(name[1], declared, (inside + ' ' + plain(m['comment'])).strip(), m.start()))
    for m in MACRO.finditer(text):
        names.append(Name(m['name'], '#define %s(%s)' % (m['name'], m['args']), plain(m['comment']), m.start()))
    for m in TABLE.finditer(text):
        for cells in table_rows(m['rows']):
            if m['table'] == 'DC_UNARY_OPS_WITH':
                continue                               # These are declared one by one.
            args = 'dc_tensor *x' if m['table'] == 'DC_UNARY_OPS' else 'dc_tensor *x, dc_tensor *y'
            names.append(Name('dc_' + cells[0], 'dc_tensor *dc_%s(%s)' % (cells[0], args), cells[1],
                              m.start(), m['table']))
    return sorted(names, key=lambda n: n.at)


def chapters(header):
    """[(tag, where)] of the chapter heads, in order."""
    return [(m[1], m.start()) for m in CHAPTER.finditer(header)]


def line_of(header, at):
    return header.count('\n', 0, at) + 1
