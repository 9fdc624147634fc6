//! The core: Session services over the document model.
