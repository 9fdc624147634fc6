//! The last stage: takes several files at a time, counts, and stops when asked to.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::check::{self, Step};
use super::destination::{Destination, TakeError, Taken};
use super::progress::Progress;
use super::report::{Ending, Report};
use super::walk::{Fault, Walker};

/// So many paths lie between two stages.
const BETWEEN_STAGES: usize = 1024;
/// With an office of our own, so many files for each whose bytes are under way: the others are stored and wait for their
/// rows, which are written the better the more of them wait together.
const FILES_PER_SLOT: usize = 8;
/// After so many files in a row that the office itself failed on, going on is of no use.
const OFFICE_FAULTS_IN_A_ROW: u32 = 20;

/// What is to be imported, and how.
#[derive(Debug)]
pub struct Order {
    /// The folder; absolute, without links.
    pub folder: PathBuf,
    /// The data folder, which is not taken in.
    pub left_out: Option<PathBuf>,
    /// The name of the source.
    pub source: String,
    /// Files whose bytes are under way at the same time.
    pub parallel: usize,
}

struct Finished {
    size_bytes: u64,
    outcome: Result<Taken, TakeError>,
}

/// Takes everything in that the walk finds, until its end or until `stop` becomes true, and tells how far it is.
pub async fn run(order: Order, office: Destination, progress: &Progress, stop: watch::Receiver<bool>) -> Report {
    let started = Instant::now();
    let office = Arc::new(office);
    let mut report = tokio::select! {
        report = take_all(order, &office, progress, stop) => report,
        never = progress.tell(office.contact()) => match never {},
    };
    progress.finish(office.contact());
    report.duration_ms = milliseconds(started.elapsed());
    report.waited_ms = milliseconds(progress.waited());
    report
}

async fn take_all(
    order: Order,
    office: &Arc<Destination>,
    progress: &Progress,
    mut stop: watch::Receiver<bool>,
) -> Report {
    let mut report = Report::new(order.source.clone());
    report.import_id = Some(office.import_id());
    progress.count(&order.folder, order.left_out.clone());
    let mut steps = start_stages(&order, office);
    let mut running: JoinSet<Finished> = JoinSet::new();
    let mut office_faults = 0_u32;
    let mut is_over = false;
    let under_way_max = match office.as_ref() {
        Destination::Local(_) => order.parallel.saturating_mul(FILES_PER_SLOT),
        Destination::Remote(_) => order.parallel,
    };
    loop {
        let has_room = running.len() < under_way_max;
        tokio::select! {
            biased;
            () = asked_to_stop(&mut stop), if !is_over => {
                report.ending = Ending::Stopped;
                is_over = true;
                // Who asks to stop does not want to wait for an office that is away.
                if let Some(contact) = office.contact() {
                    contact.give_up();
                }
            }
            Some(joined) = running.join_next(), if !running.is_empty() => {
                let finished = joined.unwrap_or_else(|_| Finished::of_a_fault());
                office_faults = if finished.is_office_fault() { office_faults.saturating_add(1) } else { 0 };
                finished.tell(progress);
                account(&mut report, office, finished).await;
                if office_faults >= OFFICE_FAULTS_IN_A_ROW {
                    report.ending = Ending::Broken("the office fails on every file; its log says why".to_owned());
                }
                is_over |= report.ending != Ending::Finished;
            }
            step = steps.recv(), if has_room && !is_over => match step {
                Some(Step::Take(candidate, known)) => {
                    let office = Arc::clone(office);
                    running.spawn(async move {
                        let outcome = office.take(&candidate, known).await;
                        Finished { size_bytes: candidate.size_bytes, outcome }
                    });
                }
                Some(Step::Already(candidate, taken)) => {
                    let finished = Finished { size_bytes: candidate.size_bytes, outcome: Ok(taken) };
                    finished.tell(progress);
                    account(&mut report, office, finished).await;
                }
                Some(Step::Fault(fault)) => {
                    progress.passed(0);
                    office.note_fault(&fault).await;
                    report.add_fault(fault);
                }
                Some(Step::Stop(reason)) => {
                    report.ending = Ending::Broken(reason);
                    is_over = true;
                }
                None => is_over = true,
            },
            else => break,
        }
    }
    drop(steps);
    end(&mut report, office).await;
    report
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Starts the walk, and with a remote office the stage that asks what it has.
fn start_stages(order: &Order, office: &Arc<Destination>) -> mpsc::Receiver<Step> {
    let walker = Walker::new(&order.folder, order.left_out.clone());
    let (step_sender, steps) = mpsc::channel(BETWEEN_STAGES);
    if matches!(office.as_ref(), Destination::Local(_)) {
        tokio::task::spawn_blocking(move || {
            for found in walker {
                if step_sender.blocking_send(Step::from(found)).is_err() {
                    return;
                }
            }
        });
        return steps;
    }
    let (found_sender, found) = mpsc::channel(BETWEEN_STAGES);
    tokio::task::spawn_blocking(move || {
        for item in walker {
            if found_sender.blocking_send(item).is_err() {
                return;
            }
        }
    });
    tokio::spawn(check::run(Arc::clone(office), found, step_sender));
    steps
}

async fn asked_to_stop(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|is_asked| *is_asked).await.is_err() {
        std::future::pending::<()>().await;
    }
}

impl Finished {
    fn of_a_fault() -> Self {
        let fault = Fault::new("", OFFICE_FAULT, "the program failed on it; the log says why");
        Self { size_bytes: 0, outcome: Err(TakeError::File(fault)) }
    }

    /// Notes the file as done with. One that was not taken because nothing can be taken any more is left to the next run.
    fn tell(&self, progress: &Progress) {
        match &self.outcome {
            Ok(Taken::Created | Taken::Anew | Taken::Version) => progress.done(self.size_bytes),
            Ok(Taken::Already | Taken::Trashed) | Err(TakeError::File(_)) => progress.passed(self.size_bytes),
            Err(TakeError::Stop(_)) => {}
        }
    }

    fn is_office_fault(&self) -> bool {
        matches!(&self.outcome, Err(TakeError::File(fault)) if fault.code == OFFICE_FAULT)
    }
}

/// The code of a fault that is the office's own and not the file's.
pub const OFFICE_FAULT: &str = "office_fault";

async fn account(report: &mut Report, office: &Destination, finished: Finished) {
    match finished.outcome {
        Ok(taken @ (Taken::Created | Taken::Anew)) => {
            report.created += 1;
            report.anew += u64::from(taken == Taken::Anew);
            report.bytes += finished.size_bytes;
        }
        Ok(Taken::Version) => {
            report.new_versions += 1;
            report.bytes += finished.size_bytes;
        }
        Ok(Taken::Already) => report.already_taken += 1,
        Ok(Taken::Trashed) => report.in_trash += 1,
        Err(TakeError::File(fault)) => {
            office.note_fault(&fault).await;
            report.add_fault(fault);
        }
        Err(TakeError::Stop(reason)) => {
            if report.ending == Ending::Finished {
                report.ending = Ending::Broken(reason);
            }
        }
    }
}

/// Ends the run in the office and takes over what it has to say.
async fn end(report: &mut Report, office: &Destination) {
    match office.finish().await {
        Ok(ended) => {
            ended.faults.into_iter().for_each(|fault| report.add_fault(fault));
            report.unread = ended.unread;
            report.texts_waiting = ended.texts_waiting;
        }
        Err(error) if report.ending == Ending::Finished => {
            report.ending = Ending::Broken(format!("the run could not be ended: {error:#}"));
        }
        Err(error) => tracing::debug!(error = %error, "the run could not be ended"),
    }
    report.faults.sort_by(|a, b| a.path.cmp(&b.path));
}
