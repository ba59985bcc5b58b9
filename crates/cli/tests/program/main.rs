//! The program as its users meet it: a subprocess in a folder.
mod bad_input;
mod commands;
mod data;
#[cfg(unix)]
mod docking;
mod hostile;
mod own_score;
mod place;
mod reproduce;
mod resume;
mod scores;
mod tasks;
