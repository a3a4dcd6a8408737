//! One change to an input: of its structure, where it still has one, or of its bytes.

use proptest::prelude::*;
use serde_json::Value;

/// What an input is before it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Toml,
    Csv,
    Json,
    Protobuf,
    /// Pages of a database, say: nothing but bytes.
    Bytes,
}

/// What is put in everywhere: what a terminal obeys, what nobody sees, what a search, a path or a query takes for more than
/// text, and numbers and times at their ends.
pub const HOSTILE: [&str; 40] = [
    "\u{1b}[2J",
    "\u{1b}]8;;https://evil.example\u{1b}\\here\u{1b}]8;;\u{1b}\\",
    "\u{1b}]52;c;ZXZpbA==\u{7}",
    "\u{9b}31m",
    "\u{202e}gro.elpmaxe",
    "\u{2066}a\u{2069}",
    "\u{200b}",
    "\u{feff}",
    "\u{e0041}",
    "\u{61c}",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "*",
    "%",
    "\"",
    "'",
    "\\",
    "\\ud800",
    ",",
    "@",
    "a@b",
    "*@example.com",
    "../../etc/passwd",
    "/",
    "?#&=",
    "'; DROP TABLE grants; --",
    "Ⅷ İ ß ﬁ",
    "👩\u{200d}🚒",
    "0",
    "-1",
    "1e400",
    "18446744073709551616",
    "9999-12-31T23:59:59Z",
    "-262143-01-01T00:00:00Z",
    "+262142-12-31T23:59:59Z",
    "2026-02-30T25:61:61Z",
    "1970-01-01T00:00:00Z",
    "2026-03-29T02:30:00+02:00",
];

/// Where and how, as numbers that every input makes its own use of.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    how: u8,
    at: u32,
    to: u32,
    word: u32,
}

impl Change {
    pub fn any() -> impl Strategy<Value = Self> {
        any::<(u8, u32, u32, u32)>().prop_map(|(how, at, to, word)| Self { how, at, to, word })
    }

    pub fn apply(self, input: Vec<u8>, format: Format, words: &[&str], others: &[&[u8]]) -> Vec<u8> {
        let structure = match format {
            Format::Json if self.how >= 96 => self.json(&input, words, others),
            Format::Toml if self.how >= 176 => self.toml(&input, words, others),
            Format::Toml if self.how >= 96 => Some(self.parts(&input, b'\n', words, others)),
            Format::Csv if self.how >= 176 => Some(self.parts(&input, b'\n', words, others)),
            Format::Csv if self.how >= 96 => Some(self.parts(&input, b',', words, others)),
            Format::Protobuf if self.how >= 64 => self.protobuf(&input, words),
            _ => None,
        };
        structure.unwrap_or_else(|| self.bytes(input, words, others))
    }

    fn word(self, words: &[&str]) -> String {
        let all = words.len() + HOSTILE.len();
        let word = pick(self.word, all);
        let word = *words.get(word).unwrap_or_else(|| &HOSTILE[word.saturating_sub(words.len())]);
        // Now and then an endless one.
        if self.word.is_multiple_of(61) { word.repeat(20_000 / word.len()) } else { word.to_owned() }
    }

    fn bytes(self, mut input: Vec<u8>, words: &[&str], others: &[&[u8]]) -> Vec<u8> {
        let at = pick(self.at, input.len() + 1);
        let short = at..input.len().min(at + 1 + pick(self.to, 16));
        let long = at..at + pick(self.to, input.len() - at + 1);
        match self.how % 10 {
            0 if at < input.len() => input[at] ^= 1 << (self.to % 8),
            1 if at < input.len() => input[at] = self.to as u8,
            2 => drop(input.drain(short)),
            3 => drop(input.drain(long)),
            4 => {
                let again = input[short].to_vec();
                input.splice(at..at, again);
            }
            5 => {
                let again = input[long].to_vec();
                input.splice(at..at, again);
            }
            6 => input.truncate(at),
            7 => {
                let other = others[pick(self.word, others.len())];
                input.splice(at.., other[pick(self.to, other.len() + 1)..].iter().copied());
            }
            8 => drop(input.splice(short, self.word(words).into_bytes())),
            _ => drop(input.splice(at..at, self.word(words).into_bytes())),
        }
        input
    }

    /// Lines, or the cells of lines: left out, doubled, exchanged, taken from another input or for another.
    fn parts(self, input: &[u8], mark: u8, words: &[&str], others: &[&[u8]]) -> Vec<u8> {
        let mut parts: Vec<Vec<u8>> = input.split(|byte| *byte == mark).map(<[u8]>::to_vec).collect();
        let (at, to) = (pick(self.at, parts.len()), pick(self.to, parts.len()));
        match self.how % 6 {
            0 => drop(parts.remove(at)),
            1 => parts.insert(to, parts[at].clone()),
            2 => parts.swap(at, to),
            3 => parts[at] = self.word(words).into_bytes(),
            4 => {
                let other: Vec<&[u8]> = others[pick(self.word, others.len())].split(|byte| *byte == mark).collect();
                parts.insert(at, other[pick(self.to, other.len())].to_vec());
            }
            _ => parts[at].extend(self.word(words).into_bytes()),
        }
        parts.join(&mark)
    }

    fn toml(self, input: &[u8], words: &[&str], others: &[&[u8]]) -> Option<Vec<u8>> {
        let tree = |text: &[u8]| {
            let table: toml::Table = toml::from_str(std::str::from_utf8(text).ok()?).ok()?;
            serde_json::to_value(table).ok()
        };
        let others: Vec<Value> = others.iter().filter_map(|other| tree(other)).collect();
        let changed = self.tree(tree(input)?, words, &others)?;
        toml::to_string(&changed).ok().map(String::into_bytes)
    }

    fn json(self, input: &[u8], words: &[&str], others: &[&[u8]]) -> Option<Vec<u8>> {
        let others: Vec<Value> = others.iter().filter_map(|other| serde_json::from_slice(other).ok()).collect();
        let changed = self.tree(serde_json::from_slice(input).ok()?, words, &others)?;
        serde_json::to_vec(&changed).ok()
    }

    fn tree(self, mut tree: Value, words: &[&str], others: &[Value]) -> Option<Value> {
        let paths = paths(&tree);
        let (path, other) = (&paths[pick(self.at, paths.len())], &paths[pick(self.to, paths.len())]);
        let copy = tree.pointer(other)?.clone();
        let word = self.word(words);
        let node = tree.pointer_mut(path)?;
        match self.how % 10 {
            0 => *node = word.into(),
            1 => {
                let odd = ["null", "true", "0", "-1", "1e300", "18446744073709551615", "[]", "{}", "\"\"", "[[[]]]"];
                *node = serde_json::from_str(odd[pick(self.word, odd.len())]).ok()?;
            }
            2 => *node = copy,
            3 => drop(tree.pointer_mut(path.rsplit_once('/')?.0).and_then(|parent| leave_out(parent, path))),
            4 => match node {
                Value::Array(list) => list.push(copy),
                Value::Object(map) => drop(map.insert(word, copy)),
                other => *other = Value::Array(vec![other.take(), copy]),
            },
            5 => *node = Value::Array(vec![node.take()]),
            6 => *node = Value::Object([(word, node.take())].into_iter().collect()),
            7 => (0..pick(self.to, 300)).for_each(|_| *node = Value::Array(vec![node.take()])),
            8 => {
                let other = others.get(pick(self.word, others.len().max(1)))?;
                let paths = self::paths(other);
                *node = other.pointer(&paths[pick(self.to, paths.len())])?.clone();
            }
            _ => match node {
                Value::String(text) => text.push_str(&word),
                Value::Number(number) => *node = Value::from(format!("{number}")),
                Value::Array(list) => list.extend(list.clone()),
                other => *other = word.into(),
            },
        }
        Some(tree)
    }

    /// Fields: left out, doubled, renumbered, of another wire type, of another content, of a length that is a lie.
    fn protobuf(self, input: &[u8], words: &[&str]) -> Option<Vec<u8>> {
        let mut fields = fields(input)?;
        let at = pick(self.at, fields.len());
        let to = pick(self.to, fields.len());
        let field = fields.get_mut(at)?;
        // Mostly deeper: what is of interest is in there.
        if let (Field { wire: 2, content, .. }, true) = (&mut *field, self.how >= 96)
            && let Some(deeper) =
                (Self { how: self.how.rotate_left(3), at: self.at.rotate_left(11), ..self }).protobuf(content, words)
        {
            *content = deeper;
            return Some(fields.iter().flat_map(Field::encode).collect());
        }
        match self.how % 8 {
            0 => drop(fields.remove(at)),
            1 => fields.insert(to, fields[at].clone()),
            2 => fields.swap(at, to),
            3 => {
                let tags =
                    [0, 1, 2, 3, 4, 5, 7, 10, 1300, 9999, 32_768, 32_769, 32_771, 536_870_911, u64::from(self.to)];
                field.tag = tags[pick(self.word, tags.len())];
            }
            4 => field.wire = self.word as u8 % 8,
            5 => (field.wire, field.content) = (2, self.word(words).into_bytes()),
            6 => {
                let numbers = [0, 1, 253_402_300_800, u64::MAX, i64::MAX as u64, i64::MIN as u64, u64::from(self.to)];
                (field.wire, field.content) = (0, varint(numbers[pick(self.word, numbers.len())]));
            }
            _ => {
                let mut lie: Vec<u8> = fields.drain(..at).flat_map(|field| field.encode()).collect();
                lie.extend(varint(fields[0].tag << 3 | 2));
                lie.extend(varint([u64::from(self.to), u64::MAX, 1 << 31, 0, 127][pick(self.word, 5)]));
                lie.extend(&fields[0].content);
                return Some(lie);
            }
        }
        Some(fields.iter().flat_map(Field::encode).collect())
    }
}

fn pick(number: u32, of: usize) -> usize {
    if of == 0 { 0 } else { number as usize % of }
}

/// The pointer of every node, the root's first.
fn paths(tree: &Value) -> Vec<String> {
    let (mut paths, mut next) = (vec![String::new()], 0);
    while let Some(path) = paths.get(next).cloned() {
        match tree.pointer(&path) {
            Some(Value::Array(list)) => paths.extend((0..list.len()).map(|index| format!("{path}/{index}"))),
            Some(Value::Object(map)) => {
                paths.extend(map.keys().map(|key| format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))))
            }
            _ => {}
        }
        next += 1;
    }
    paths
}

fn leave_out(parent: &mut Value, path: &str) -> Option<Value> {
    let key = path.rsplit_once('/')?.1.replace("~1", "/").replace("~0", "~");
    match parent {
        Value::Array(list) => Some(list.remove(key.parse().ok()?)),
        Value::Object(map) => map.remove(&key),
        _ => None,
    }
}

/// A field of a message, as it is on the wire.
#[derive(Debug, Clone)]
pub struct Field {
    pub tag: u64,
    pub wire: u8,
    /// Without the length, where the wire type has one.
    pub content: Vec<u8>,
}

impl Field {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = varint(self.tag << 3 | u64::from(self.wire));
        if self.wire == 2 {
            bytes.extend(varint(self.content.len() as u64));
        }
        bytes.extend(&self.content);
        bytes
    }
}

/// The fields of a message; `None` where it is none.
pub fn fields(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = read_varint(&mut bytes)?;
        let (tag, wire) = (key >> 3, (key & 7) as u8);
        let length = match wire {
            0 => bytes.iter().position(|byte| byte & 0x80 == 0)? + 1,
            1 => 8,
            2 => usize::try_from(read_varint(&mut bytes)?).ok()?,
            5 => 4,
            _ => return None,
        };
        fields.push(Field { tag, wire, content: bytes.get(..length)?.to_vec() });
        bytes = &bytes[length..];
    }
    Some(fields)
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let length = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)? + 1;
    let number = bytes[..length].iter().rev().fold(0u64, |number, byte| number << 7 | u64::from(byte & 0x7f));
    *bytes = &bytes[length..];
    Some(number)
}
