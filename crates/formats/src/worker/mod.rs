//! The body of the hidden subcommand: reads jobs from standard input, a socket, and answers on it until the office closes it.

mod sink;

pub(crate) use sink::{Flow, Sink};

use crate::containment;
use crate::protocol::{self, Answer, Hello, Job};
use crate::read;
use crate::sys;
use sink::SocketSink;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

/// How deep a parser may nest before it overflows: generous, because only what is touched is used.
const STACK_BYTES: usize = 192 << 20;
/// The longest job or greeting that is taken.
const MESSAGE_LIMIT: usize = 1 << 20;

/// What a caller may do before each job; see [`run_with_hook`].
pub type Hook = fn(file_name: &str, media_type_hint: Option<&str>);

/// Runs a worker until its standard input, a socket, is closed. The program must do nothing else, before or after.
///
/// `give_memory_back` is called after each job, so that a worker that waits is small: only the program knows which
/// allocator it has.
pub fn run(give_memory_back: fn()) -> ExitCode {
    run_with_hook(|_, _| {}, give_memory_back)
}

/// Runs a worker that calls `hook` before each job, under all limits: tests misbehave in it.
pub fn run_with_hook(hook: Hook, give_memory_back: fn()) -> ExitCode {
    match serve(hook, give_memory_back) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve(hook: Hook, give_memory_back: fn()) -> io::Result<()> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let Some(hello) = protocol::read_message::<Hello>(&socket, MESSAGE_LIMIT)? else { return Ok(()) };
    let landlock = containment::shut_in(&hello);
    // A panic is an answer here (see `read::guarded`), so nothing is printed for it.
    std::panic::set_hook(Box::new(|_| {}));
    let reader = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
        containment::forbid_processes();
        protocol::write_message(&socket, &Answer::Ready { landlock })?;
        serve_jobs(&socket, &hello, hook, give_memory_back)
    })?;
    reader.join().unwrap_or_else(|_| Err(io::Error::other("the reading thread panicked")))
}

fn serve_jobs(socket: &UnixStream, hello: &Hello, hook: Hook, give_memory_back: fn()) -> io::Result<()> {
    while let Some((job, file)) = protocol::read_message_with_file::<Job>(socket, MESSAGE_LIMIT)? {
        let Some(file) = file else { return Err(io::Error::other("a job without a file")) };
        containment::renew_cpu_budget(hello.cpu_seconds_per_page);
        hook(&job.file_name, job.media_type_hint.as_deref());
        serve_job(socket, hello, &job, &file)?;
        give_memory_back();
        protocol::write_message(socket, &Answer::Done { peak_memory_bytes: sys::peak_memory_bytes() })?;
    }
    Ok(())
}

fn serve_job(socket: &UnixStream, hello: &Hello, job: &Job, file: &File) -> io::Result<()> {
    let mut sink = SocketSink::new(socket, job, hello.cpu_seconds_per_page);
    if let Some(arrange) = &job.arrange {
        read::arrange_file(arrange, file, hello.memory_bytes, &mut sink);
        return sink.finish();
    }
    read::read_file(job, file, hello.memory_bytes, &mut sink);
    sink.finish()
}
