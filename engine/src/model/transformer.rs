//! Decoders of the Llama family on the processor.
//!
//! All slots go through each layer together, at most [`CHUNK`] rows at a time, so that a step reads the weights once.
//! A row's numbers depend on its own sequence alone: whatever stands beside it in a batch, and however its prefix was cut
//! into segments, they are the same bits on the same instruction set.

use rayon::prelude::*;

use super::arithmetic::Arithmetic;
use super::attention::{Attention, Gate};
use super::cache::Cache;
use super::config::Config;
use super::matrix::Matrix;
use super::product::multiply;
use super::rows::{Need, Rows};
use super::{Decoder, ModelError, ModelInfo, Output, Segment, Want};
use crate::compute::simd::wide::{Floats, LANES, Unit};

/// Rows that pass through the layers together; a multiple of the largest tile.
pub(crate) const CHUNK: usize = 240;

/// A loaded model and its slots.
pub(crate) struct Transformer {
    pub config: Config,
    pub info: ModelInfo,
    pub unit: Unit,
    pub arithmetic: Arithmetic,
    pub embedding: Matrix,
    pub layers: Vec<Layer>,
    pub norm: Vec<f32>,
    /// None where it is the embedding.
    pub output: Option<Matrix>,
    pub frequencies: Vec<f32>,
    pub slots: Vec<Cache>,
    pub threads: rayon::ThreadPool,
}

/// A matrix and what is added to its outputs.
pub(crate) struct Linear {
    pub matrix: Matrix,
    pub bias: Option<Vec<f32>>,
}

/// One layer.
pub(crate) struct Layer {
    pub window: Option<usize>,
    pub attention_norm: Vec<f32>,
    pub queries: Linear,
    pub keys: Linear,
    pub values: Linear,
    /// Norms of the heads of q and k.
    pub head_norms: Option<[Vec<f32>; 2]>,
    pub output: Linear,
    pub mlp_norm: Vec<f32>,
    pub gate: Linear,
    pub up: Linear,
    pub down: Linear,
}

/// One token on its way through the layers.
#[derive(Clone, Copy)]
struct Row {
    slot: usize,
    position: usize,
    id: u32,
    /// For which segment logits and hidden state are wanted.
    wanted: Option<usize>,
}

impl Decoder for Transformer {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn slots(&self) -> usize {
        self.slots.len()
    }

    fn length(&self, slot: usize) -> usize {
        self.slots[slot].length
    }

    fn forward(&mut self, batch: &[Segment<'_>]) -> Result<Vec<Output>, ModelError> {
        let rows = self.rows(batch)?;
        for segment in batch {
            let cache = &mut self.slots[segment.slot];
            cache.reserve(cache.length + segment.ids.len(), self.config.head);
        }
        let mut outputs = vec![Output::default(); batch.len()];
        for rows in rows.chunks(CHUNK) {
            let Self { config, unit, arithmetic, embedding, layers, norm, output, frequencies, slots, threads, .. } =
                self;
            let pass = Pass { config, unit: *unit, arithmetic: *arithmetic, rows, angles: angles(frequencies, rows) };
            threads.install(|| {
                let mut stream = pass.embed(embedding);
                for (index, layer) in layers.iter().enumerate() {
                    pass.attend(index, layer, slots, &mut stream);
                    pass.feed(layer, &mut stream);
                }
                pass.finish(&stream, norm, output.as_ref().unwrap_or(embedding), &mut outputs);
            });
        }
        for segment in batch {
            self.slots[segment.slot].length += segment.ids.len();
        }
        Ok(outputs)
    }

    fn truncate(&mut self, slot: usize, length: usize) {
        let cache = &mut self.slots[slot];
        cache.length = cache.length.min(length);
    }

    fn share_prefix(&mut self, from: usize, to: usize, length: usize) -> Result<(), ModelError> {
        if from >= self.slots.len() || to >= self.slots.len() || self.slots[from].length < length {
            let tokens = self.slots.get(from).map_or(0, |cache| cache.length);
            return Err(compute(format!("slot {from} has {tokens} tokens of which slot {to} is to share {length}")));
        }
        if from == to {
            self.truncate(to, length);
            return Ok(());
        }
        let mut cache = std::mem::take(&mut self.slots[to]);
        cache.copy_prefix(&self.slots[from], length, self.config.head);
        self.slots[to] = cache;
        Ok(())
    }
}

fn compute(problem: String) -> ModelError {
    ModelError::Compute(candle_core::Error::Msg(problem))
}

impl Transformer {
    /// The rows of a batch, checked before any cache changes.
    fn rows(&self, batch: &[Segment<'_>]) -> Result<Vec<Row>, ModelError> {
        let mut rows = Vec::new();
        let mut seen = vec![false; self.slots.len()];
        for (index, segment) in batch.iter().enumerate() {
            let slot = segment.slot;
            let Some(cache) = self.slots.get(slot) else { return Err(compute(format!("there is no slot {slot}"))) };
            if std::mem::replace(&mut seen[slot], true) {
                return Err(compute(format!("slot {slot} stands twice in a batch")));
            }
            if segment.ids.is_empty() {
                return Err(compute(format!("the segment of slot {slot} is empty")));
            }
            let tokens = cache.length.saturating_add(segment.ids.len());
            if tokens > self.info.context {
                return Err(ModelError::Context { tokens, context: self.info.context });
            }
            for (offset, id) in segment.ids.iter().enumerate() {
                if *id as usize >= self.config.vocabulary {
                    return Err(compute(format!("token {id} is beyond the vocabulary of {}", self.config.vocabulary)));
                }
                let wanted = match segment.want {
                    Want::All => Some(index),
                    Want::Last if offset + 1 == segment.ids.len() => Some(index),
                    _ => None,
                };
                rows.push(Row { slot, position: cache.length + offset, id: *id, wanted });
            }
        }
        Ok(rows)
    }
}

/// Cosine and sine of each pair of a head, row after row.
fn angles(frequencies: &[f32], rows: &[Row]) -> Vec<(f32, f32)> {
    let angle = |row: &Row, frequency: &f32| {
        let (sine, cosine) = (row.position as f32 * frequency).sin_cos();
        (cosine, sine)
    };
    rows.iter().flat_map(|row| frequencies.iter().map(move |frequency| angle(row, frequency))).collect()
}

/// Some rows passing through the layers.
struct Pass<'a> {
    config: &'a Config,
    unit: Unit,
    arithmetic: Arithmetic,
    rows: &'a [Row],
    angles: Vec<(f32, f32)>,
}

impl Pass<'_> {
    /// The residual stream: `rows × hidden`.
    fn embed(&self, embedding: &Matrix) -> Vec<f32> {
        let mut stream = vec![0.0; self.rows.len() * self.config.hidden];
        for (row, out) in self.rows.iter().zip(stream.chunks_mut(self.config.hidden)) {
            embedding.row(row.id as usize, out);
        }
        self.arithmetic.keep(&mut stream);
        stream
    }

    /// Divides by the root of the mean square, then times the weights.
    fn norm(&self, values: &mut [f32], weights: &[f32]) {
        let factor = inverse_root(values, self.config.epsilon);
        values.iter_mut().for_each(|value| *value *= factor);
        self.arithmetic.keep(values);
        values.iter_mut().zip(weights).for_each(|(value, weight)| *value *= weight);
        self.arithmetic.keep(values);
    }

    /// Rows of the stream after a norm.
    fn normed(&self, stream: &[f32], weights: &[f32], need: Need) -> Rows {
        let hidden = self.config.hidden;
        Rows::pack(self.unit, stream.len() / hidden, hidden, need, |row, out| {
            out.copy_from_slice(&stream[row * hidden..][..hidden]);
            self.norm(out, weights);
        })
    }

    fn attend(&self, index: usize, layer: &Layer, slots: &mut [Cache], stream: &mut [f32]) {
        let need = layer.queries.matrix.need().and(layer.keys.matrix.need()).and(layer.values.matrix.need());
        let rows = self.normed(stream, &layer.attention_norm, need);
        let matrices = [&layer.queries.matrix, &layer.keys.matrix, &layer.values.matrix];
        let [q, k, v] = multiply(self.unit, matrices, &rows);
        let norms = layer.head_norms.as_ref();
        let copy = |product: &super::product::Product, linear: &Linear, norm: Option<&Vec<f32>>, rotated: bool| {
            let width = linear.matrix.outputs;
            let mut out = vec![0.0; self.rows.len() * width];
            out.par_chunks_mut(width).with_min_len(8).enumerate().for_each(|(row, out)| {
                product.copy(row, out);
                add(out, linear.bias.as_deref());
                self.arithmetic.keep(out);
                if rotated {
                    self.rotate(row, out, norm);
                }
            });
            out
        };
        let queries = copy(&q, &layer.queries, norms.map(|[queries, _]| queries), true);
        let keys = copy(&k, &layer.keys, norms.map(|[_, keys]| keys), true);
        let values = copy(&v, &layer.values, None, false);
        let width = self.config.key_heads * self.config.head;
        for (row, (keys, values)) in self.rows.iter().zip(keys.chunks(width).zip(values.chunks(width))) {
            slots[row.slot].write(index, row.position, keys, values);
        }
        let attended = self.attention(index, layer.window, slots, &queries);
        let width = self.config.heads * self.config.head;
        let rows = Rows::pack(self.unit, self.rows.len(), width, layer.output.matrix.need(), |row, out| {
            out.copy_from_slice(&attended[row * width..][..width]);
            self.arithmetic.keep(out);
        });
        self.residual(&layer.output, &rows, stream);
    }

    /// Norms and rotates each head of a row; the pairs are its halves.
    fn rotate(&self, row: usize, heads: &mut [f32], weights: Option<&Vec<f32>>) {
        let half = self.config.head / 2;
        let angles = &self.angles[row * half..][..half];
        for head in heads.chunks_mut(self.config.head) {
            if let Some(weights) = weights {
                self.norm(head, weights);
            }
            let (first, second) = head.split_at_mut(half);
            for ((a, b), (cosine, sine)) in first.iter_mut().zip(second).zip(angles) {
                (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
            }
            self.arithmetic.keep(head);
        }
    }

    fn attention(&self, layer: usize, window: Option<usize>, slots: &[Cache], queries: &[f32]) -> Vec<f32> {
        let key_heads = self.config.key_heads;
        let group = self.config.heads / key_heads * self.config.head;
        let mut out = vec![0.0; queries.len()];
        let jobs = out.par_chunks_mut(group).zip(queries.par_chunks(group)).enumerate();
        jobs.for_each(|(index, (out, queries))| {
            let row = &self.rows[index / key_heads];
            let until = row.position + 1;
            self.unit.run(Attention {
                queries,
                width: self.config.head,
                head: slots[row.slot].head(layer, index % key_heads),
                from: window.map_or(0, |window| until.saturating_sub(window)),
                until,
                out,
            });
        });
        out
    }

    /// Adds a layer's output to the stream.
    fn residual(&self, linear: &Linear, rows: &Rows, stream: &mut [f32]) {
        let [product] = multiply(self.unit, [&linear.matrix], rows);
        stream.par_chunks_mut(self.config.hidden).with_min_len(8).enumerate().for_each(|(row, stream)| {
            if self.arithmetic == Arithmetic::F32 {
                product.add(row, stream);
                add(stream, linear.bias.as_deref());
                return;
            }
            let mut out = vec![0.0; stream.len()];
            product.copy(row, &mut out);
            add(&mut out, linear.bias.as_deref());
            self.arithmetic.keep(&mut out);
            add(stream, Some(&out));
            self.arithmetic.keep(stream);
        });
    }

    fn feed(&self, layer: &Layer, stream: &mut [f32]) {
        let need = layer.gate.matrix.need().and(layer.up.matrix.need());
        let rows = self.normed(stream, &layer.mlp_norm, need);
        let [gate, up] = multiply(self.unit, [&layer.gate.matrix, &layer.up.matrix], &rows);
        let width = self.config.intermediate;
        let biases = [&layer.gate, &layer.up].map(|linear| linear.bias.as_deref());
        let rows = Rows::pack(self.unit, self.rows.len(), width, layer.down.matrix.need(), |row, out| {
            let mut sides =
                [vec![Floats::default(); width.div_ceil(LANES)], vec![Floats::default(); width.div_ceil(LANES)]];
            for ((side, product), bias) in sides.iter_mut().zip([&gate, &up]).zip(biases) {
                for (panel, cell) in side.iter_mut().enumerate() {
                    *cell = *product.cell(row, panel);
                    add(&mut cell.0, bias.and_then(|bias| bias.get(panel * LANES..)));
                    self.arithmetic.keep(&mut cell.0);
                }
            }
            let [gate, up] = &mut sides;
            self.unit.run(Gate { gate, up });
            for (out, cell) in out.chunks_mut(LANES).zip(gate) {
                out.copy_from_slice(&cell.0[..out.len()]);
            }
            self.arithmetic.keep(out);
        });
        self.residual(&layer.down, &rows, stream);
    }

    /// Final norm and logits of the rows that are wanted.
    fn finish(&self, stream: &[f32], weights: &[f32], output: &Matrix, outputs: &mut [Output]) {
        let hidden = self.config.hidden;
        let wanted: Vec<_> = self.rows.iter().enumerate().filter_map(|(row, at)| Some((row, at.wanted?))).collect();
        if wanted.is_empty() {
            return;
        }
        let mut states = vec![0.0; wanted.len() * hidden];
        for ((row, _), state) in wanted.iter().zip(states.chunks_mut(hidden)) {
            state.copy_from_slice(&stream[row * hidden..][..hidden]);
            self.norm(state, weights);
        }
        let rows = Rows::pack(self.unit, wanted.len(), hidden, output.need(), |row, out| {
            out.copy_from_slice(&states[row * hidden..][..hidden]);
        });
        let [product] = multiply(self.unit, [output], &rows);
        for (row, ((_, segment), state)) in wanted.iter().zip(states.chunks(hidden)).enumerate() {
            let out = &mut outputs[*segment];
            let begin = out.logits.len();
            out.logits.resize(begin + output.outputs, 0.0);
            product.copy(row, &mut out.logits[begin..]);
            out.hidden.extend_from_slice(state);
        }
    }
}

/// Adds a bias, if there is one.
fn add(values: &mut [f32], bias: Option<&[f32]>) {
    for (value, bias) in values.iter_mut().zip(bias.into_iter().flatten()) {
        *value += bias;
    }
}

/// One over the root of the mean square.
fn inverse_root(values: &[f32], epsilon: f32) -> f32 {
    let mut sums = [0.0_f32; LANES];
    for values in values.chunks(LANES) {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += value * value;
        }
    }
    let mean = sums.into_iter().sum::<f32>() / values.len() as f32;
    1.0 / (mean + epsilon).sqrt()
}
