//! Reading Python's pickles as data.
//!
//! A pickle is a program for a stack machine that may call any function. Here nothing is called: a call
//! becomes a [`Node::Object`] that says what would have been called with what, and its reader takes the
//! numbers out. Only the opcodes of dicts, lists, tuples, texts, bytes, numbers and such calls are known
//! (`pickle.py` and `pickletools.py` of CPython describe them, protocols 2 to 4); any other is an error.

use std::collections::HashMap;

/// Most values that one pickle may have.
const MAX_NODES: usize = 8_000_000;

/// Index of a value.
pub(super) type Id = usize;

/// A value; what it holds are indices of other values.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// The name of a function or class: `module.name`.
    Global(String),
    /// A call that was not made, and the state that would have been set.
    Object {
        callable: Id,
        args: Id,
        state: Option<Id>,
    },
}

/// All values of a pickle.
#[derive(Debug)]
pub(super) struct Pickle {
    nodes: Vec<Node>,
    root: Id,
}

impl Pickle {
    /// Reads the bytes of a pickle.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut machine = Machine {
            bytes,
            at: 0,
            nodes: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        let root = machine.run()?;
        Ok(Self {
            nodes: machine.nodes,
            root,
        })
    }

    /// The value that was pickled.
    pub(super) fn root(&self) -> &Node {
        self.node(self.root)
    }

    /// A value by its index.
    pub(super) fn node(&self, id: Id) -> &Node {
        // Indices are made by `push` alone, and no value is ever removed.
        &self.nodes[id]
    }

    /// The parts of a call of one of `names`: arguments and state.
    pub(super) fn call(&self, node: &Node, names: &[&str]) -> Option<(&[Id], Option<&Node>)> {
        let Node::Object {
            callable,
            args,
            state,
        } = node
        else {
            return None;
        };
        let (Node::Global(name), Node::Tuple(args)) = (self.node(*callable), self.node(*args))
        else {
            return None;
        };
        names
            .contains(&name.as_str())
            .then(|| (args.as_slice(), state.map(|id| self.node(id))))
    }

    /// Whether a value is NumPy's little-endian float32.
    pub(super) fn is_f32(&self, node: &Node) -> bool {
        let Some((args, Some(Node::Tuple(state)))) = self.call(node, &["numpy.dtype"]) else {
            return false;
        };
        let text = |id: Option<&Id>| match id.map(|id| self.node(*id)) {
            Some(Node::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        text(args.first()) == Some("f4") && text(state.get(1)) == Some("<")
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Id, String> {
        loop {
            let place = self.at;
            let [opcode] = self.array()?;
            match opcode {
                0x80 => drop(self.array::<1>()?), // PROTO
                0x95 => drop(self.array::<8>()?), // FRAME
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'N' => self.push(Node::None)?,
                0x88 => self.push(Node::Bool(true))?,
                0x89 => self.push(Node::Bool(false))?,
                b'J' => {
                    let value = i32::from_le_bytes(self.array()?);
                    self.push(Node::Int(value.into()))?;
                }
                b'K' => {
                    let [value] = self.array()?;
                    self.push(Node::Int(value.into()))?;
                }
                b'M' => {
                    let value = u16::from_le_bytes(self.array()?);
                    self.push(Node::Int(value.into()))?;
                }
                b'G' => {
                    let value = f64::from_be_bytes(self.array()?);
                    self.push(Node::Float(value))?;
                }
                b'X' => self.text_of_length4()?,
                0x8c => {
                    let [length] = self.array()?;
                    self.text(length.into())?;
                }
                b'C' => {
                    let [length] = self.array()?;
                    self.binary(length.into())?;
                }
                b'B' => {
                    let length = u32::from_le_bytes(self.array()?);
                    self.binary(length as usize)?;
                }
                b']' => self.push(Node::List(Vec::new()))?,
                b'}' => self.push(Node::Dict(Vec::new()))?,
                b')' => self.push(Node::Tuple(Vec::new()))?,
                b't' => {
                    let items = self.since_mark()?;
                    self.push(Node::Tuple(items))?;
                }
                0x85..=0x87 => {
                    let count = usize::from(opcode - 0x84);
                    let from = self.stack.len().checked_sub(count).ok_or(EMPTY)?;
                    let items = self.stack.split_off(from);
                    self.push(Node::Tuple(items))?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                b'e' => {
                    let items = self.since_mark()?;
                    self.append(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set_items(&[key, value])?;
                }
                b'u' => {
                    let items = self.since_mark()?;
                    self.set_items(&items)?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.push(Node::Global(format!("{module}.{name}")))?;
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (Node::Text(module), Node::Text(name)) =
                        (&self.nodes[module], &self.nodes[name])
                    else {
                        return Err("a global without a name".to_owned());
                    };
                    let global = Node::Global(format!("{module}.{name}"));
                    self.push(global)?;
                }
                b'R' => {
                    let (args, callable) = (self.pop()?, self.pop()?);
                    self.push(Node::Object {
                        callable,
                        args,
                        state: None,
                    })?;
                }
                b'b' => {
                    let built = self.pop()?;
                    let top = *self.stack.last().ok_or(EMPTY)?;
                    match &mut self.nodes[top] {
                        Node::Object { state, .. } => *state = Some(built),
                        _ => return Err("a state for what is no object".to_owned()),
                    }
                }
                b'q' => {
                    let [place] = self.array()?;
                    self.remember(place.into())?;
                }
                b'r' => {
                    let place = u32::from_le_bytes(self.array()?);
                    self.remember(place)?;
                }
                0x94 => {
                    let place = u32::try_from(self.memo.len()).map_err(|e| e.to_string())?;
                    self.remember(place)?;
                }
                b'h' => {
                    let [place] = self.array()?;
                    self.recall(place.into())?;
                }
                b'j' => {
                    let place = u32::from_le_bytes(self.array()?);
                    self.recall(place)?;
                }
                other => {
                    return Err(format!(
                        "the pickle has the opcode 0x{other:02x} at byte {place}, which is not read here"
                    ));
                }
            }
        }
    }

    fn take(&mut self, length: usize) -> Result<&[u8], String> {
        let end = self
            .at
            .checked_add(length)
            .filter(|e| *e <= self.bytes.len());
        let end = end.ok_or_else(|| format!("the pickle ends at byte {}", self.bytes.len()))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn line(&mut self) -> Result<String, String> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| *byte == b'\n').ok_or(EMPTY)?;
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.take(1)?;
        Ok(text)
    }

    fn text_of_length4(&mut self) -> Result<(), String> {
        let length = u32::from_le_bytes(self.array()?);
        self.text(length as usize)
    }

    fn text(&mut self, length: usize) -> Result<(), String> {
        let bytes = self.take(length)?.to_vec();
        let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
        self.push(Node::Text(text))
    }

    fn binary(&mut self, length: usize) -> Result<(), String> {
        let bytes = self.take(length)?.to_vec();
        self.push(Node::Bytes(bytes))
    }

    fn push(&mut self, node: Node) -> Result<(), String> {
        if self.nodes.len() >= MAX_NODES {
            return Err(format!("the pickle has more than {MAX_NODES} values"));
        }
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id, String> {
        self.stack.pop().ok_or_else(|| EMPTY.to_owned())
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().ok_or(EMPTY)?;
        if mark > self.stack.len() {
            return Err(EMPTY.to_owned());
        }
        Ok(self.stack.split_off(mark))
    }

    fn append(&mut self, items: Vec<Id>) -> Result<(), String> {
        let top = *self.stack.last().ok_or(EMPTY)?;
        match &mut self.nodes[top] {
            Node::List(list) => list.extend(items),
            _ => return Err("items for what is no list".to_owned()),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[Id]) -> Result<(), String> {
        let top = *self.stack.last().ok_or(EMPTY)?;
        match &mut self.nodes[top] {
            Node::Dict(dict) => dict.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1]))),
            _ => return Err("items for what is no dict".to_owned()),
        }
        Ok(())
    }

    fn remember(&mut self, place: u32) -> Result<(), String> {
        let top = *self.stack.last().ok_or(EMPTY)?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn recall(&mut self, place: u32) -> Result<(), String> {
        let id = *self.memo.get(&place).ok_or("a value that was not stored")?;
        self.stack.push(id);
        if self.stack.len() > MAX_NODES {
            return Err(format!("the pickle has more than {MAX_NODES} values"));
        }
        Ok(())
    }
}

const EMPTY: &str = "the pickle is cut short or no pickle";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn calls_are_noted_and_not_made() {
        // pickle.dumps(os.system) called with ("ls",), protocol 0 global.
        let pickle = Pickle::read(b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.").unwrap();
        let (args, state) = pickle.call(pickle.root(), &["os.system"]).unwrap();
        assert_eq!(pickle.node(args[0]), &Node::Text("ls".into()));
        assert!(state.is_none() && pickle.call(pickle.root(), &["numpy.dtype"]).is_none());
    }

    #[test]
    fn unknown_opcodes_and_ends_are_errors() {
        assert!(Pickle::read(b"\x80\x02i").unwrap_err().contains("0x69"));
        for bytes in [
            &b""[..],
            b".",
            b"(",
            b"e.",
            b"h\x01.",
            b"X\xff\xff\xff\xffa.",
            b"]Rb.",
        ] {
            assert!(Pickle::read(bytes).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(
            prop_oneof![any::<u8>(), proptest::sample::select(&b"(.]})tesuqhRbN\x85\x94\x93K"[..])], 0..60)) {
            let _ = Pickle::read(&bytes);
        }
    }
}
