//! A run from the first block to the last, and the count afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use incentive::units::Block;
use neuron_common::chain::{BlockRef, ChainClient, Epoch, Role, SignedExtrinsic, Value};
use subxt::{OnlineClient, SubstrateConfig};
use tokio::sync::watch;
use tokio::time::Instant;

use super::fault::{Action, Fault, Moment, Random};
use super::life::{Life, Signals, Start, Who};
use super::world::{self, Template, World};
use crate::proxy::Mode;

/// Epochs of a run.
const EPOCHS: u64 = 3;
/// Between two blocks.
const PACE: Duration = Duration::from_millis(12);
/// The block of an epoch at which its round ends.
const ROUND: u64 = 2;
/// Blocks at the end of an epoch that come only when the weights of the epoch are there, or when none have come for long: what is
/// lost is then lost for good, and not for a slow machine.
const LAST: u64 = 14;
/// Between two of them: an endpoint that says nothing is noticed within a few.
const SLOW_PACE: Duration = Duration::from_millis(700);
/// How long the end of an epoch waits for its weights.
const LONG: Duration = Duration::from_secs(20);

/// What a run, or several, came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Epochs that were counted.
    pub epochs: u64,
    /// Those without weights.
    pub lost: u64,
    /// Weight sets beyond the first of an epoch.
    pub doubled: u64,
    /// Processes that stopped because of another one.
    pub stopped: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.epochs += other.epochs;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.stopped += other.stopped;
    }
}

/// What ends an action.
enum Undo {
    /// The proxy passes everything again.
    Open,
    /// The process starts again.
    Start,
}

/// When an action ends.
enum Until {
    Block(Block),
    Landed,
}

struct Drive {
    world: World,
    reader: ChainClient,
    hotkey: [u8; 32],
    start: Start,
    window: watch::Sender<Block>,
    life: Option<Life>,
    second: Option<Life>,
    armed: bool,
    undo: Vec<(Until, Undo)>,
}

/// Runs the chain through some epochs while the fault strikes, and counts the weight sets of each.
///
/// # Errors
/// When the chain itself fails.
pub async fn run(template: &Template, fault: Fault, seed: u64, who: Who) -> Result<Tally> {
    let world = World::new(template, fault).await?;
    let reader = ChainClient::connect(&world.direct(), Role::Owner).await?;
    let (window, ended) = watch::channel(Block(0));
    let start = Start {
        who,
        chain: world.config(),
        netuid: world.netuid,
        database: world.file("validator.db"),
        window: ended,
        signals: Arc::new(Signals::default()),
    };
    if fault == Fault::Slow {
        world.proxies[0].set(Mode::Slow(Duration::from_millis(1 + Random::new(seed).below(3))));
    }
    let hotkey = world::validator()?.hotkey().0;
    let mut drive =
        Drive { world, reader, hotkey, start, window, life: None, second: None, armed: false, undo: Vec::new() };
    let mut epoch = drive.next_epoch().await?;
    drive.life = Some(Life::start(drive.start.clone()));
    if fault == Fault::Second {
        let other = Start { database: drive.world.file("second.db"), signals: Arc::default(), ..drive.start.clone() };
        drive.second = Some(Life::start(other));
    }
    let first = epoch.index;
    let mut random = Random::new(seed);
    while epoch.index < first + EPOCHS {
        drive.epoch(epoch, fault.plan(&mut random)).await?;
        epoch = drive.next_epoch().await?;
    }
    drive.finish(first, epoch.last).await
}

impl Drive {
    /// Makes blocks until the next epoch has begun.
    async fn next_epoch(&self) -> Result<Epoch> {
        let before = self.now().await?.1.index;
        loop {
            self.world.net()?.produce(1).await?;
            let (_, epoch) = self.now().await?;
            if epoch.index > before {
                return Ok(epoch);
            }
        }
    }

    async fn now(&self) -> Result<(BlockRef, Epoch)> {
        let head = self.reader.head().await?;
        Ok((head, self.reader.epoch(self.world.netuid, head).await?))
    }

    async fn landed(&self, epoch: &Epoch) -> Result<bool> {
        let snapshot = self.reader.snapshot(self.world.netuid, None).await?;
        let neuron = snapshot.neurons.iter().find(|neuron| neuron.hotkey.0 == self.hotkey);
        Ok(neuron.is_some_and(|neuron| neuron.last_update >= epoch.last))
    }

    /// From the first block of an epoch to the last.
    async fn epoch(&mut self, epoch: Epoch, mut plan: Vec<(Moment, Action)>) -> Result<()> {
        let last = u64::from(epoch.tempo) - 1;
        let mut offset = 0;
        let mut held = None;
        while offset < last {
            if offset == ROUND {
                self.window.send_replace(epoch.last.after(ROUND));
            }
            let until = Instant::now() + PACE;
            while Instant::now() < until {
                self.strike(&epoch, offset, &mut plan).await?;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            if offset + LAST > last && !self.landed(&epoch).await? {
                let (since, next) = held.get_or_insert((Instant::now(), Instant::now() + SLOW_PACE));
                let pooled = self.world.pooled(&self.hotkey)?;
                let slow = *next <= Instant::now() && offset + 2 < last;
                if since.elapsed() < LONG && !pooled && !slow {
                    continue;
                }
                *next = Instant::now() + SLOW_PACE;
            }
            self.world.net()?.produce(1).await?;
            offset += 1;
        }
        // An epoch ends with everything in order again.
        self.undo_all(&epoch).await
    }

    /// Takes the actions whose moment has come, and ends those whose time is over.
    async fn strike(&mut self, epoch: &Epoch, offset: u64, plan: &mut Vec<(Moment, Action)>) -> Result<()> {
        if self.armed && self.start.signals.die_at.lock().is_none() {
            self.armed = false;
            self.kill(epoch.last.after(offset + 2)).await;
        }
        let mut later = Vec::new();
        for (until, undo) in std::mem::take(&mut self.undo) {
            let over = match until {
                Until::Block(block) => epoch.last.after(offset) >= block,
                Until::Landed => self.landed(epoch).await?,
            };
            if over { self.end(&undo) } else { later.push((until, undo)) }
        }
        self.undo.append(&mut later);
        let mut index = 0;
        while index < plan.len() {
            let come = match plan[index].0 {
                Moment::At(at) => offset >= at,
                Moment::Signed => self.start.signals.open.lock().is_some(),
                Moment::Pooled => self.world.pooled(&self.hotkey)?,
            };
            if come {
                let (_, action) = plan.remove(index);
                self.act(action, epoch.last.after(offset)).await?;
            } else {
                index += 1;
            }
        }
        Ok(())
    }

    async fn act(&mut self, action: Action, now: Block) -> Result<()> {
        let open = self.start.signals.open.lock().clone();
        match action {
            Action::Cut => self.world.proxies[0].cut(),
            Action::Down(blocks) => self.block(Mode::Closed, Until::Block(now.after(blocks))),
            Action::Stall(blocks) => self.block(Mode::Stalled, Until::Block(now.after(blocks))),
            Action::StallUntilExpired => {
                let over = open.map_or(now, |signed| signed.mortal_until.after(1));
                self.block(Mode::Stalled, Until::Block(over));
            }
            Action::StallUntilLanded => self.block(Mode::Stalled, Until::Landed),
            Action::RestartNode => self.world.restart().await?,
            Action::Kill(blocks) => self.kill(now.after(blocks)).await,
            Action::Forget(blocks) => {
                self.kill(now.after(blocks)).await;
                let name = format!("validator-{now}.db");
                self.start.database = self.world.file(&name);
            }
            Action::DieAt(step) => {
                *self.start.signals.die_at.lock() = Some(step);
                self.armed = true;
            }
            Action::Replay => self.replay(open),
            Action::Remark => self.remark().await?,
        }
        Ok(())
    }

    fn block(&mut self, mode: Mode, until: Until) {
        self.world.proxies[0].set(mode);
        self.undo.push((until, Undo::Open));
    }

    async fn kill(&mut self, until: Block) {
        if let Some(life) = self.life.take() {
            life.kill().await;
            *self.start.signals.open.lock() = None;
            self.undo.push((Until::Block(until), Undo::Start));
        }
    }

    fn end(&mut self, undo: &Undo) {
        match undo {
            Undo::Open => self.world.proxies[0].set(Mode::Open),
            Undo::Start => self.life = Some(Life::start(self.start.clone())),
        }
    }

    async fn undo_all(&mut self, epoch: &Epoch) -> Result<()> {
        for (_, undo) in std::mem::take(&mut self.undo) {
            self.end(&undo);
        }
        self.strike(epoch, 0, &mut Vec::new()).await
    }

    /// Whoever has seen the bytes may send them again; the pool takes or refuses them.
    fn replay(&self, open: Option<SignedExtrinsic>) {
        let chain = self.reader.clone();
        if let Some(signed) = open {
            tokio::spawn(async move { chain.submit(&signed).await });
        }
    }

    /// Another call of the hotkey, which waits in the pool.
    async fn remark(&self) -> Result<()> {
        let (chain, key) = (self.reader.clone(), world::validator()?);
        let remark = vec![("remark".to_owned(), Value::from_bytes([1]))];
        let signed = chain.sign(&key, "System", "remark", remark).await?;
        tokio::spawn(async move { chain.submit(&signed).await });
        Ok(())
    }

    /// Counts, and ends everything.
    async fn finish(self, first: u64, end: Block) -> Result<Tally> {
        let mut sets = self.sets(first, end).await?;
        sets.retain(|index, _| (first..first + EPOCHS).contains(index));
        let mut tally = Tally { epochs: EPOCHS, ..Tally::default() };
        for index in first..first + EPOCHS {
            let count = sets.get(&index).copied().unwrap_or(0);
            tally.lost += u64::from(count == 0);
            tally.doubled += count.saturating_sub(1);
        }
        for life in [self.life, self.second].into_iter().flatten() {
            tally.stopped += u64::from(life.word.lock().contains("another process"));
            life.kill().await;
        }
        drop(self.reader);
        self.world.end().await;
        Ok(tally)
    }

    /// Weight sets by epoch, as the events of the blocks before `end` tell.
    async fn sets(&self, first: u64, end: Block) -> Result<BTreeMap<u64, u64>> {
        let url = self.world.net()?.url();
        let client = OnlineClient::<SubstrateConfig>::from_insecure_url(url).await?;
        let mut sets = BTreeMap::new();
        for number in (1..end.get()).rev() {
            let hash = self.reader.block_hash(Block(number)).await?.context("a block is gone")?;
            let block = BlockRef { number: Block(number), hash };
            let index = self.reader.epoch(self.world.netuid, block).await?.index;
            if index < first {
                break;
            }
            let events = client.at_block(number).await?.events().fetch().await?;
            for event in events.iter() {
                let event = event?;
                let is_set = event.pallet_name() == "SubtensorModule" && event.event_name() == "WeightsSet";
                *sets.entry(index).or_default() += u64::from(is_set);
            }
        }
        Ok(sets)
    }
}
