//! A reward whose logarithm is taken of a method `reward(&object) -> f64`.

/// Implements `Reward<$object>` for a type with a method `reward(&self, &$object) -> f64` that is
/// positive and finite by construction.
macro_rules! log_of_reward {
    ($reward:ty, $object:ty) => {
        impl anabranch_core::Reward<$object> for $reward {
            fn log_reward(
                &self,
                objects: &[$object],
            ) -> Result<Vec<f64>, anabranch_core::RewardError> {
                Ok(objects.iter().map(|x| self.reward(x).ln()).collect())
            }
        }
    };
}

pub(crate) use log_of_reward;
