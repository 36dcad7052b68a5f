//! Tensors into safetensors files, one tensor in memory at a time.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use half::bf16;
use safetensors::tensor::{Dtype, View, serialize_to_file};
use serde_json::{Map, Value, json};

use super::folder::MakeError;
use super::random::Random;
use super::shape::Plan;
use super::{Precision, folder};

/// Bytes of a file, unless one tensor has more.
const SHARD: u64 = 256 << 20;

/// Where weights come from.
pub(super) enum Weights {
    Random(Random),
    Known(HashMap<String, Vec<f32>>),
}

/// A tensor that is made when it is written.
struct Lazy<'a> {
    weights: &'a Weights,
    plan: &'a Plan,
    precision: Precision,
}

impl View for Lazy<'_> {
    fn dtype(&self) -> Dtype {
        match self.precision {
            Precision::F32 => Dtype::F32,
            Precision::Bf16 => Dtype::BF16,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.plan.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let weights = match self.weights {
            Weights::Random(random) => Cow::Owned(random.weights(self.plan)),
            Weights::Known(tensors) => Cow::Borrowed(tensors.get(&self.plan.name).map_or(&[][..], Vec::as_slice)),
        };
        self.precision.write(&weights).into()
    }

    fn data_len(&self) -> usize {
        self.plan.bytes(self.precision) as usize
    }
}

impl Precision {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 => 2,
        }
    }

    fn write(self, weights: &[f32]) -> Vec<u8> {
        match self {
            Self::F32 => weights.iter().flat_map(|weight| weight.to_le_bytes()).collect(),
            Self::Bf16 => weights.iter().flat_map(|&weight| bf16::from_f32(weight).to_le_bytes()).collect(),
        }
    }
}

/// Writes `model.safetensors`, or several files and their index.
pub(super) fn write(
    to: &Path,
    plans: &[Plan],
    weights: &Weights,
    precision: Precision,
    progress: &mut dyn FnMut(&str),
) -> Result<(), MakeError> {
    let shards = split(plans, precision);
    let mut map = Map::new();
    for (index, shard) in shards.iter().enumerate() {
        let name = match shards.len() {
            1 => "model.safetensors".to_string(),
            many => format!("model-{:05}-of-{many:05}.safetensors", index + 1),
        };
        progress(&name);
        let views = shard.iter().map(|plan| (plan.name.as_str(), Lazy { weights, plan, precision }));
        let format = HashMap::from([("format".to_string(), "pt".to_string())]);
        let path = to.join(&name);
        serialize_to_file(views, Some(format), &path)
            .map_err(|e| MakeError::new(&path, std::io::Error::other(e.to_string())))?;
        folder::readable(&path)?;
        map.extend(shard.iter().map(|plan| (plan.name.clone(), Value::from(name.as_str()))));
    }
    if shards.len() > 1 {
        let total: u64 = plans.iter().map(|plan| plan.bytes(precision)).sum();
        let index = json!({"metadata": {"total_size": total}, "weight_map": map});
        folder::write_json(&to.join("model.safetensors.index.json"), &index)?;
    }
    Ok(())
}

fn split(plans: &[Plan], precision: Precision) -> Vec<Vec<&Plan>> {
    let mut shards: Vec<Vec<&Plan>> = vec![Vec::new()];
    let mut bytes = 0;
    for plan in plans {
        let more = plan.bytes(precision);
        if bytes + more > SHARD && bytes > 0 {
            shards.push(Vec::new());
            bytes = 0;
        }
        bytes += more;
        shards.last_mut().expect("never empty").push(plan);
    }
    shards
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::shape::Shape;

    #[test]
    fn shards_hold_every_tensor_once_and_are_bounded() {
        let shape = Shape::large(1 << 30, Precision::Bf16);
        let plans = shape.plans();
        let total: u64 = plans.iter().map(|plan| plan.bytes(Precision::Bf16)).sum();
        assert!((1 << 30..(1 << 30) + (100 << 20)).contains(&total), "{total}");
        let shards = split(&plans, Precision::Bf16);
        assert!(shards.len() >= 4);
        assert!(shards.iter().flatten().map(|plan| &plan.name).eq(plans.iter().map(|plan| &plan.name)));
        for shard in shards {
            assert!(shard.iter().map(|plan| plan.bytes(Precision::Bf16)).sum::<u64>() <= SHARD);
        }
    }
}
