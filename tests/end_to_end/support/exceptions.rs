//! The API's exceptions, listed independently, so that tests do not compare the API with itself.

/// The member `Code` and the status of the exception with this name, if there is one.
pub fn exception(name: &str) -> Option<(&'static str, u64)> {
    Some(match name {
        "BadRequestException" => ("BadRequest", 400),
        "ResourceLimitExceededException" => ("ResourceLimitExceeded", 400),
        "UnauthorizedClientException" => ("Unauthorized", 401),
        "ForbiddenException" => ("Forbidden", 403),
        "NotFoundException" => ("NotFound", 404),
        "MethodNotAllowedException" => ("MethodNotAllowed", 405),
        "UnprocessableEntityException" => ("Unprocessable", 422),
        "ThrottledClientException" => ("Throttled", 429),
        "ServiceFailureException" => ("ServiceFailure", 500),
        "ServiceUnavailableException" => ("ServiceUnavailable", 503),
        _ => return None,
    })
}
