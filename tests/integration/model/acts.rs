//! What is done: acts of one of two people on things that are named by chance.

use proptest::prelude::*;

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The built-in user, who may do everything.
    System,
    /// Somebody who may do what lists grant.
    Clerk,
}

/// Names one of the things that were made: which one, counted round and round.
pub type Pick = u8;

/// Which state the caller says that he saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Whatever it is.
    Any,
    /// As it is now.
    Present,
    /// As it was before its last change.
    Past,
}

#[derive(Clone, Debug)]
pub enum What {
    MakeFolder { parent: Pick, name: u8 },
    MakeDocument { parent: Pick, name: u8, note: u8, text: u8 },
    Note { at: Pick, note: Option<u8> },
    Rename { at: Pick, name: u8 },
    Content { at: Pick, text: u8 },
    Move { at: Pick, to: Pick },
    Copy { at: Pick, to: Pick, name: u8 },
    CheckOut { at: Pick },
    WorkOn { at: Pick, note: u8, text: u8 },
    CheckIn { at: Pick, major: bool },
    CancelCheckOut { at: Pick },
    TakeAgain { at: Pick, version: Pick },
    Trash { at: Pick },
    Restore { at: Pick },
    Destroy { at: Pick },
    Access { at: Pick, entries: Vec<(bool, u8)>, inherits: bool },
    Lock { at: Pick },
    Unlock { at: Pick },
}

#[derive(Clone, Debug)]
pub struct Act {
    pub who: Who,
    pub seen: Seen,
    pub what: What,
}

fn what() -> impl Strategy<Value = What> {
    let pick = any::<u8>;
    let name = || 0..6_u8;
    let text = || 0..4_u8;
    prop_oneof![
        3 => (pick(), name()).prop_map(|(parent, name)| What::MakeFolder { parent, name }),
        6 => (pick(), name(), text(), text())
            .prop_map(|(parent, name, note, text)| What::MakeDocument { parent, name, note, text }),
        3 => (pick(), proptest::option::of(text())).prop_map(|(at, note)| What::Note { at, note }),
        2 => (pick(), name()).prop_map(|(at, name)| What::Rename { at, name }),
        3 => (pick(), text()).prop_map(|(at, text)| What::Content { at, text }),
        3 => (pick(), pick()).prop_map(|(at, to)| What::Move { at, to }),
        2 => (pick(), pick(), name()).prop_map(|(at, to, name)| What::Copy { at, to, name }),
        3 => pick().prop_map(|at| What::CheckOut { at }),
        3 => (pick(), text(), text()).prop_map(|(at, note, text)| What::WorkOn { at, note, text }),
        3 => (pick(), any::<bool>()).prop_map(|(at, major)| What::CheckIn { at, major }),
        1 => pick().prop_map(|at| What::CancelCheckOut { at }),
        2 => (pick(), pick()).prop_map(|(at, version)| What::TakeAgain { at, version }),
        2 => pick().prop_map(|at| What::Trash { at }),
        2 => pick().prop_map(|at| What::Restore { at }),
        1 => pick().prop_map(|at| What::Destroy { at }),
        3 => (pick(), proptest::collection::vec((any::<bool>(), any::<u8>()), 0..3), any::<bool>())
            .prop_map(|(at, entries, inherits)| What::Access { at, entries, inherits }),
        1 => pick().prop_map(|at| What::Lock { at }),
        1 => pick().prop_map(|at| What::Unlock { at }),
    ]
}

pub fn act() -> impl Strategy<Value = Act> {
    let who = prop_oneof![1 => Just(Who::System), 2 => Just(Who::Clerk)];
    let seen = prop_oneof![4 => Just(Seen::Any), 2 => Just(Seen::Present), 1 => Just(Seen::Past)];
    (who, seen, what()).prop_map(|(who, seen, what)| Act { who, seen, what })
}
