//! Results as text: a table on the terminal and the page `docs/REPRODUCTIONS.md`.
