//! What is wrong with a request, gathered until all of it is known: whoever mends one field should not learn of the next by
//! sending again.

use cartulary_model::Violation;

use crate::{RepositoryError, Result};

/// What is wrong with a request so far.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    violations: Vec<Violation>,
}

impl Faults {
    /// Adds what is wrong with a field.
    pub fn say(&mut self, field: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        self.violations.push(Violation::new(field, code, detail));
    }

    /// Adds the violations of a check that failed, and returns what one that did not fail gave.
    ///
    /// # Errors
    /// Whatever else the check failed with.
    pub fn take<T>(&mut self, checked: Result<T>) -> Result<Option<T>> {
        match checked {
            Ok(value) => Ok(Some(value)),
            Err(RepositoryError::Invalid { violations }) => {
                self.violations.extend(violations);
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// Returns the list, for checks that append to one.
    pub fn list(&mut self) -> &mut Vec<Violation> {
        &mut self.violations
    }

    /// Says whether nothing is wrong so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.violations.is_empty()
    }

    /// Refuses when something is wrong.
    ///
    /// # Errors
    /// `Invalid` with all that was gathered.
    pub fn end(self) -> Result<()> {
        let violations = self.violations;
        if violations.is_empty() { Ok(()) } else { Err(RepositoryError::Invalid { violations }) }
    }
}
