//! Tables of objects out of files.
