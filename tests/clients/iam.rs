use aws_sdk_chime::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_chime::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_chime::error::BoxError;
use aws_types::SigningName;

#[derive(Debug)]
pub struct SignForApiGateway;

impl Intercept for SignForApiGateway {
    fn name(&self) -> &'static str {
        "SignForApiGateway"
    }

    fn modify_before_signing(
        &self,
        _: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(SigningName::from_static("execute-api"));
        Ok(())
    }
}
