//! Integration tests: the library's laws, and the real command on real files.

mod forests;
mod oracle;
