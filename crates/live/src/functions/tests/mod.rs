//! Tests of functions as a whole.
