//! The child process: started, fed, listened to, and ended together with whatever it has started itself.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, BufWriter, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, SchemaRef};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::error::LastWords;
use super::{CommandError, Launch};

/// How often it is looked whether the run is to stop while an answer is awaited.
const LOOK: Duration = Duration::from_millis(50);

/// How long a process may take to end by itself when its stdin has ended.
const GRACE: Duration = Duration::from_secs(2);

/// When a process ends that is asked something.
const BEFORE: &str = " before it answered";

/// Lines of stderr that an error quotes.
const QUOTED: usize = 5;

/// Bytes of a line of stderr; what is longer is cut into several.
const LINE: u64 = 4096;

/// Bytes of text on stdout that an error quotes.
const TEXT: usize = 200;

/// What starts every message of an Arrow IPC stream.
const MARKER: [u8; 4] = [0xFF; 4];

/// What the process's surroundings do for it.
pub struct Watch {
    /// Whether the run is to stop.
    pub stop: Box<dyn Fn() -> bool + Send + Sync>,
    /// Takes a line of the process's stderr.
    pub log: Box<dyn Fn(&str) + Send>,
}

/// A process that answers batches, one after another.
pub(super) struct Process {
    child: Child,
    /// Absent once its stdin has been closed.
    batches: Option<Sender<RecordBatch>>,
    answers: Receiver<Result<RecordBatch, Fault>>,
    stderr: JoinHandle<()>,
    words: Arc<Mutex<VecDeque<String>>>,
    stop: Box<dyn Fn() -> bool + Send + Sync>,
}

/// Why there is no further answer.
enum Fault {
    Text(String),
    Damaged(String),
    /// The end of its stdout in the middle of an answer.
    Cut,
    /// The end of its stdout before an answer, or of its answers.
    Ended(&'static str),
}

impl Process {
    /// Starts the process; batches will be of this schema.
    pub fn start(launch: &Launch, schema: SchemaRef, watch: Watch) -> Result<Self, CommandError> {
        let (program, arguments) = launch.command.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
        let refuse = |reason: &dyn ToString| CommandError::Start { program: program.into(), reason: reason.to_string() };
        // A program that is named by a path is looked for from the folder, as its arguments are.
        let located = launch.folder.join(program);
        let located = if program.contains('/') { std::path::absolute(located).map_err(|error| refuse(&error))? } else { program.into() };
        let mut child = Command::new(located)
            .args(arguments)
            .current_dir(if launch.folder == Path::new("") { Path::new(".") } else { &launch.folder })
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| refuse(&error))?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
            return Err(refuse(&"it has no pipes"));
        };
        // One answer at a time: a process that goes on unasked is held up by its full stdout.
        let ((batches, sent), (answered, answers)) = (channel(), sync_channel(1));
        // Both end with their pipes, at the latest when the process is killed.
        thread::spawn(move || feed(stdin, &schema, &sent));
        thread::spawn(move || listen(stdout, &answered));
        let words = Arc::default();
        let stderr = thread::spawn({
            let words = Arc::clone(&words);
            move || overhear(stderr, &*watch.log, &words)
        });
        Ok(Self { child, batches: Some(batches), answers, stderr, words, stop: watch.stop })
    }

    /// Sends a batch and waits for the answer, for no longer than a limit, which the config calls `key`.
    pub fn ask(&mut self, batch: RecordBatch, limit: Duration, key: &'static str) -> Result<RecordBatch, CommandError> {
        let rows = batch.num_rows();
        match self.answers.try_recv() {
            Ok(Ok(_)) => return Err(surplus()),
            Ok(Err(fault)) => return Err(self.fail(fault)),
            Err(_) => {}
        }
        if let Some(batches) = &self.batches {
            // Where the process does not read any more, its answers tell why.
            let _ = batches.send(batch);
        }
        let (asked, mut ended) = (Instant::now(), None);
        loop {
            match self.answers.recv_timeout(LOOK) {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(fault)) => return Err(self.fail(fault)),
                Err(RecvTimeoutError::Disconnected) => return Err(self.fail(Fault::Damaged("its reader gave up".into()))),
                Err(RecvTimeoutError::Timeout) if (self.stop)() => {
                    self.kill();
                    return Err(CommandError::Stopped);
                }
                // What it has started may hold its stdout open after it.
                Err(RecvTimeoutError::Timeout)
                    if self.await_end(Duration::ZERO) && ended.get_or_insert_with(Instant::now).elapsed() >= GRACE =>
                {
                    return Err(self.fail(Fault::Ended(BEFORE)));
                }
                Err(RecvTimeoutError::Timeout) if asked.elapsed() >= limit => {
                    self.kill();
                    return Err(CommandError::Slow { rows, seconds: limit.as_secs(), key, said: self.last_words() });
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Ends the process, and hears what it says that was not asked.
    pub fn close(mut self) -> Result<(), CommandError> {
        self.batches = None;
        let ended = Instant::now();
        loop {
            match self.answers.recv_timeout(LOOK) {
                Ok(Ok(_)) => {
                    self.kill();
                    return Err(surplus());
                }
                Ok(Err(Fault::Ended(_))) => {}
                Ok(Err(fault)) => return Err(self.fail(fault)),
                Err(RecvTimeoutError::Timeout) if ended.elapsed() < GRACE => {}
                Err(_) => {
                    self.await_end(GRACE.saturating_sub(ended.elapsed()));
                    self.kill();
                    return Ok(());
                }
            }
        }
    }

    /// What a fault means, now that the process is of no use any more.
    fn fail(&mut self, fault: Fault) -> CommandError {
        let ended = matches!(fault, Fault::Ended(_) | Fault::Cut) && self.await_end(GRACE);
        let status = self.kill().filter(|_| ended);
        match fault {
            Fault::Text(text) => CommandError::Text { text },
            Fault::Damaged(reason) => CommandError::Damaged { reason, said: self.last_words() },
            Fault::Cut => self.ended(" in the middle of an answer", status),
            Fault::Ended(when) => self.ended(when, status),
        }
    }

    fn ended(&self, when: &'static str, status: Option<ExitStatus>) -> CommandError {
        let status = status.map_or_else(|| "it closed its stdout, but went on".into(), |status| status.to_string());
        CommandError::Ended { when, status, said: self.last_words() }
    }

    /// Waits for the process to end by itself. Its remains are left: as long as they are there, its number is nobody else's.
    fn await_end(&self, limit: Duration) -> bool {
        let asked = Instant::now();
        loop {
            match waitid(WaitId::Pid(Pid::from_child(&self.child)), WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT) {
                Ok(None) if asked.elapsed() < limit => thread::sleep(Duration::from_millis(5)),
                found => return matches!(found, Ok(Some(_))),
            }
        }
    }

    /// Ends the process and all that it has started, even if it has ended itself, and takes its remains from the system.
    fn kill(&mut self) -> Option<ExitStatus> {
        self.batches = None;
        // Either fails only where there is nothing to end: no group any more, or a process that has left its own.
        let _ = (kill_process_group(Pid::from_child(&self.child), Signal::KILL), self.child.kill());
        self.child.wait().ok()
    }

    /// The last lines of stderr, once the process has ended.
    fn last_words(&self) -> LastWords {
        let asked = Instant::now();
        while !self.stderr.is_finished() && asked.elapsed() < GRACE {
            thread::sleep(Duration::from_millis(5));
        }
        LastWords(self.words.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect())
    }
}

impl Drop for Process {
    /// The end of its stdin tells a sound process to end; one that does not is killed, and what it leaves behind.
    fn drop(&mut self) {
        if self.batches.take().is_some() {
            self.await_end(GRACE);
            self.kill();
        }
    }
}

/// Writes batches to the process until there are no more, or it does not read any more.
fn feed(stdin: ChildStdin, schema: &SchemaRef, batches: &Receiver<RecordBatch>) {
    let write = || -> Result<(), ArrowError> {
        let mut stream = StreamWriter::try_new(BufWriter::new(stdin), schema)?;
        for batch in batches {
            stream.write(&batch)?;
            stream.flush()?;
        }
        stream.finish()
    };
    // The reader of its answers learns why it does not read.
    let _ = write();
}

/// Reads the process's answers and hands them on, until its stdout ends or something is wrong.
fn listen(stdout: ChildStdout, answers: &SyncSender<Result<RecordBatch, Fault>>) {
    let fault = |error: ArrowError| match &error {
        ArrowError::IoError(_, source) if source.kind() == std::io::ErrorKind::UnexpectedEof => Fault::Cut,
        _ => Fault::Damaged(error.to_string()),
    };
    let read = || -> Result<(), Fault> {
        let mut stdout = BufReader::new(stdout);
        expect_message(&mut stdout)?;
        let mut stream = StreamReader::try_new(stdout, None).map_err(fault)?;
        loop {
            expect_message(stream.get_mut())?;
            let Some(answer) = stream.next() else {
                let _ = answers.send(Err(Fault::Ended(", and so did its answers, before the run")));
                return expect_message(stream.get_mut());
            };
            if answers.send(Ok(answer.map_err(fault)?)).is_err() {
                return Ok(());
            }
        }
    };
    if let Err(fault) = read() {
        let _ = answers.send(Err(fault));
    }
}

/// What is said of an answer that nobody asked for.
fn surplus() -> CommandError {
    CommandError::Answer("comes in several batches; answer each batch with one of as many rows".into())
}

/// Waits for the next bytes, which must be the start of a message.
fn expect_message(stdout: &mut impl BufRead) -> Result<(), Fault> {
    let seen = stdout.fill_buf().map_err(|error| Fault::Damaged(error.to_string()))?;
    match seen {
        [] => Err(Fault::Ended(BEFORE)),
        seen if seen.iter().zip(MARKER).all(|(seen, marker)| *seen == marker) => Ok(()),
        seen => {
            let line = seen.split(|byte| *byte == b'\n').next().unwrap_or_default();
            Err(Fault::Text(String::from_utf8_lossy(&line[..line.len().min(TEXT)]).into_owned()))
        }
    }
}

/// Logs the process's stderr line by line, and keeps the last ones.
fn overhear(stderr: ChildStderr, log: &dyn Fn(&str), words: &Mutex<VecDeque<String>>) {
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    while stderr.by_ref().take(LINE).read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        if !text.is_empty() {
            log(&text);
            let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
            words.push_back(text);
            if words.len() > QUOTED {
                words.pop_front();
            }
        }
    }
}
