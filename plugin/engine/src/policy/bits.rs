//! Something large that is given up bit by bit, so that a host is not kept waiting for all of it.

/// Each call gives up a bit; false: there was none left.
pub(crate) type Bits = Box<dyn FnMut() -> bool>;

/// Of whatever consists of many.
pub(crate) fn bits<T: 'static>(whole: impl IntoIterator<Item = T, IntoIter: 'static>) -> Bits {
    let mut bits = whole.into_iter();
    Box::new(move || bits.next().is_some())
}
