"""Types that annotations name."""

ChatCompletionMessageParam = dict
ChatCompletionToolChoiceOptionParam = dict
ChatCompletionToolParam = dict
