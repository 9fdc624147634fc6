//! Pages of PDF files put together into a new one; what the pages need comes along, and nothing else.

use std::collections::{HashMap, HashSet, VecDeque};

use lopdf::{Dictionary, Document, Object, ObjectId, Stream, dictionary};

use crate::extraction::{Fault, FaultCode};
use crate::protocol::{Arrange, Head};
use crate::read::guarded;
use crate::worker::{Flow, Sink};

/// How many pages a new file has at most.
const MOST_PAGES: usize = 10_000;
/// How far up the tree of pages a value is looked for that a page inherits.
const MOST_PARENTS: usize = 64;
/// How much is answered at a time. *Units*: bytes.
const PIECE_BYTES: usize = 192 << 10;
/// What a page has from the nodes above it.
const INHERITED: [&[u8]; 4] = [b"Resources", b"MediaBox", b"CropBox", b"Rotate"];
/// What is not taken along, wherever it stands: ways to other pages and to what a reader would do by itself.
const LEFT_OUT: [&[u8]; 10] =
    [b"Parent", b"AA", b"JS", b"B", b"StructParent", b"StructParents", b"Popup", b"IRT", b"PresSteps", b"Metadata"];
/// What would make the bytes of a stream those of another file.
const OF_OTHER_FILES: [&[u8]; 3] = [b"F", b"FFilter", b"FDecodeParms"];

/// Puts pages together and answers the new file, or faults that say why there is none.
pub(crate) fn put_together(bytes: &[u8], arrange: &Arrange, sink: &mut dyn Sink) {
    let made = guarded(|| make(bytes, arrange));
    let made = made.unwrap_or_else(|panic| {
        let detail = format!("the pages cannot be put together ({})", panic.chars().take(120).collect::<String>());
        Err(Fault::of_file(FaultCode::FileUnreadable, detail))
    });
    let page_count = made.as_ref().ok().and_then(|_| u32::try_from(arrange.pages.len()).ok());
    let media_type = "application/pdf".to_owned();
    match made {
        Ok(file) => {
            for piece in file.chunks(PIECE_BYTES) {
                if sink.bytes(piece) == Flow::Stop {
                    return;
                }
            }
        }
        Err(fault) => sink.fault(fault),
    }
    sink.head(Head { media_type, page_count, format_read: true, ..Head::default() });
}

fn make(bytes: &[u8], arrange: &Arrange) -> Result<Vec<u8>, Fault> {
    if arrange.pages.is_empty() || arrange.pages.len() > MOST_PAGES {
        let detail = format!("a file of 1 to {MOST_PAGES} pages can be made");
        return Err(Fault::of_file(FaultCode::TooManyPages, detail));
    }
    let mut target = Document::with_version("1.7");
    let tree = target.new_object_id();
    let mut sources = HashMap::new();
    let mut kids = Vec::with_capacity(arrange.pages.len());
    for (source, page, turned) in &arrange.pages {
        if !sources.contains_key(source) {
            sources.insert(*source, Source::open(bytes, arrange, *source)?);
        }
        let Some(opened) = sources.get_mut(source) else { continue };
        kids.push(Object::Reference(opened.take_page(&mut target, tree, *page, *turned)?));
    }
    let count = i64::try_from(kids.len()).unwrap_or(i64::MAX);
    target.objects.insert(tree, dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => count }.into());
    let catalog = target.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree });
    target.trailer.set("Root", catalog);
    let mut file = Vec::new();
    target.save_to(&mut file).map_err(|error| {
        Fault::of_file(FaultCode::FileUnreadable, format!("the new file cannot be written ({error})"))
    })?;
    Ok(file)
}

/// One of the files, and what of it is in the new one.
struct Source {
    number: u32,
    document: Document,
    pages: Vec<ObjectId>,
    /// Nodes of the tree of pages, the pages themselves and the catalogue: no way leads through them.
    closed: HashSet<ObjectId>,
    taken: HashMap<ObjectId, ObjectId>,
    waiting: VecDeque<(ObjectId, ObjectId)>,
}

impl Source {
    fn open(bytes: &[u8], arrange: &Arrange, number: u32) -> Result<Self, Fault> {
        let place = usize::try_from(number).ok().and_then(|number| arrange.sources.get(number));
        let part = place.and_then(|(begin, length)| {
            let begin = usize::try_from(*begin).ok()?;
            bytes.get(begin..begin.checked_add(usize::try_from(*length).ok()?)?)
        });
        let unreadable = |why: &str| {
            let detail = format!("file {} cannot be opened as a PDF{why}", number.saturating_add(1));
            Fault::of_file(FaultCode::FileUnreadable, detail)
        };
        let part = part.ok_or_else(|| unreadable(": it is not there"))?;
        let document = Document::load_mem(part).map_err(|_| unreadable(""))?;
        if document.is_encrypted() || document.trailer.has(b"Encrypt") {
            let detail = format!("file {} is encrypted: its pages cannot be taken", number.saturating_add(1));
            return Err(Fault::of_file(FaultCode::PasswordRequired, detail));
        }
        let pages: Vec<ObjectId> = document.page_iter().take(100_000).collect();
        let mut closed: HashSet<ObjectId> = pages.iter().copied().collect();
        for (id, object) in &document.objects {
            let kind =
                object.as_dict().ok().and_then(|dict| dict.get(b"Type").ok()).and_then(|kind| kind.as_name().ok());
            if matches!(kind, Some(b"Page" | b"Pages" | b"Catalog")) {
                closed.insert(*id);
            }
        }
        let (taken, waiting) = (HashMap::new(), VecDeque::new());
        Ok(Self { number, document, pages, closed, taken, waiting })
    }

    /// Takes one page into the new file, below a node of its tree, and returns it.
    fn take_page(&mut self, target: &mut Document, tree: ObjectId, page: u32, turned: u16) -> Result<ObjectId, Fault> {
        let missing = || {
            let detail = format!("file {} has no page {page}", self.number.saturating_add(1));
            Fault::of_file(FaultCode::FileDamaged, detail)
        };
        let index = usize::try_from(page).ok().and_then(|page| page.checked_sub(1));
        let id = index.and_then(|index| self.pages.get(index)).copied().ok_or_else(missing)?;
        let dict = self.document.get_dictionary(id).map_err(|_| missing())?.clone();
        let mut made = self.mapped(&dict, target);
        for name in INHERITED {
            if let Some(value) = self.inherited(&dict, name) {
                let value = self.map(&value, target);
                made.set(name.to_vec(), value);
            }
        }
        let before = made.get(b"Rotate").and_then(Object::as_i64).unwrap_or(0);
        let rotation = before.checked_add(i64::from(turned)).unwrap_or(0).rem_euclid(360) / 90 * 90;
        made.set("Rotate", rotation);
        made.set("Type", "Page");
        made.set("Parent", tree);
        let new = target.add_object(made);
        while let Some((old, new)) = self.waiting.pop_front() {
            let object = self.document.objects.get(&old).cloned().unwrap_or(Object::Null);
            let object = self.map(&object, target);
            target.objects.insert(new, object);
        }
        Ok(new)
    }

    /// Returns a value that a page has itself or from a node above it, references followed.
    fn inherited(&self, page: &Dictionary, name: &[u8]) -> Option<Object> {
        let mut node = page;
        for _ in 0..MOST_PARENTS {
            if let Ok(value) = node.get(name) {
                return Some(match (name, value) {
                    // A number is looked at here.
                    (b"Rotate", Object::Reference(id)) => self.document.get_object(*id).ok()?.clone(),
                    _ => value.clone(),
                });
            }
            node = node
                .get(b"Parent")
                .and_then(Object::as_reference)
                .and_then(|id| self.document.get_dictionary(id))
                .ok()?;
        }
        None
    }

    /// Returns an object with the numbers of the new file.
    fn map(&mut self, object: &Object, target: &mut Document) -> Object {
        match object {
            Object::Reference(id) => self.reference(*id, target),
            Object::Array(values) => Object::Array(values.iter().map(|value| self.map(value, target)).collect()),
            Object::Dictionary(dict) => Object::Dictionary(self.mapped(dict, target)),
            Object::Stream(stream) => {
                let mut dict = self.mapped(&stream.dict, target);
                OF_OTHER_FILES.iter().for_each(|name| drop(dict.remove(name)));
                Object::Stream(Stream::new(dict, stream.content.clone()))
            }
            other => other.clone(),
        }
    }

    fn mapped(&mut self, dict: &Dictionary, target: &mut Document) -> Dictionary {
        let mut made = Dictionary::new();
        for (name, value) in dict.iter() {
            let is_left_out = LEFT_OUT.contains(&name.as_slice()) || (name.as_slice() == b"A" && !self.is_link(value));
            if !is_left_out {
                let value = self.map(value, target);
                made.set(name.clone(), value);
            }
        }
        made
    }

    fn reference(&mut self, id: ObjectId, target: &mut Document) -> Object {
        if self.closed.contains(&id) || !self.document.objects.contains_key(&id) {
            return Object::Null;
        }
        if let Some(new) = self.taken.get(&id) {
            return Object::Reference(*new);
        }
        let new = target.new_object_id();
        self.taken.insert(id, new);
        self.waiting.push_back((id, new));
        Object::Reference(new)
    }

    /// Says whether an action does nothing but lead to an address.
    fn is_link(&self, action: &Object) -> bool {
        let action = match action {
            Object::Reference(id) => self.document.get_object(*id).ok(),
            other => Some(other),
        };
        let kind = action.and_then(|action| action.as_dict().ok()).and_then(|dict| dict.get(b"S").ok());
        kind.and_then(|kind| kind.as_name().ok()) == Some(b"URI")
    }
}
