"""The public hosts of models: a session that replays refuses every connection to them."""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import urlsplit

from pytest_llmeval.config.base_url import is_loopback, plain_host
from pytest_llmeval.formats.registry import address_of, find_provider, has_own_address, known_providers

# Those that no format and no provider of the registry names, each with all hosts below it. Hosts that also serve much
# else, such as api.cloudflare.com, are left out.
_HOSTS = frozenset(
    {
        *("api.cohere.com", "api.cohere.ai", "prediction.vertexai.goog", "codestral.mistral.ai", "api.together.ai"),
        *("api.perplexity.ai", "api-inference.huggingface.co", "router.huggingface.co", "endpoints.huggingface.cloud"),
        *("api.sambanova.ai", "integrate.api.nvidia.com", "ai.api.nvidia.com", "ollama.com", "api.ai21.com"),
        *("api.replicate.com", "api.voyageai.com", "api.jina.ai", "deepsearch.jina.ai"),
        *("api.moonshot.ai", "api.moonshot.cn", "dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com"),
        *("dashscope-us.aliyuncs.com", "open.bigmodel.cn", "api.z.ai", "api.minimax.io", "api.minimax.chat"),
        *("api.minimaxi.com", "qianfan.baidubce.com", "api.hunyuan.cloud.tencent.com", "volces.com"),
        *("api.stepfun.com", "api.siliconflow.cn", "api.siliconflow.com", "api.lingyiwanwu.com"),
        *("api.baichuan-ai.com", "api.deepinfra.com", "api.novita.ai", "api.hyperbolic.xyz", "api.lambda.ai"),
        *("api.studio.nebius.com", "api.studio.nebius.ai", "api.tokenfactory.nebius.com", "api.writer.com"),
        *("api.reka.ai", "api.upstage.ai", "api.aleph-alpha.com", "api.inceptionlabs.ai", "api.venice.ai"),
        *("api.friendli.ai", "api.featherless.ai", "api.inference.net", "api.scaleway.ai", "api.poe.com"),
        *("inference.baseten.co", "api.runpod.ai", "llm.chutes.ai", "api.sarvam.ai", "api.aimlapi.com"),
        *("models.github.ai", "ai-gateway.vercel.sh", "gateway.ai.cloudflare.com", "api.portkey.ai"),
        *("ai-gateway.helicone.ai", "oai.helicone.ai", "gateway.helicone.ai", "router.requesty.ai"),
        *("us.inference.heroku.com", "inference.do-ai.run", "llm.api.cloud.yandex.net"),
    }
)

# With the name of a region in them.
_REGIONAL = re.compile(
    r"(?:.+\.)?bedrock-(?:agent-)?(?:runtime|mantle)(?:-fips)?\.[a-z0-9-]+\.(?:vpce\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws)"
    r"|runtime\.sagemaker(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?"
    r"|aws-external-anthropic\.[a-z0-9-]+\.api\.aws"
    r"|(?:[a-z0-9-]+-)?aiplatform\.(?:mtls\.|[a-z0-9-]+\.rep\.)?googleapis\.com"
    r"|[a-z0-9-]+\.ml\.cloud\.ibm\.com"
    r"|inference\.generativeai\.[a-z0-9-]+\.oci\.oraclecloud\.com"
)


def is_model_host(host: str) -> bool:
    """Whether a host, given without port, is a public host of models; the configuration is not looked at."""
    name = plain_host(host)
    labels = name.split(".")
    return not _all_hosts().isdisjoint(".".join(labels[i:]) for i in range(len(labels))) or (
        _REGIONAL.fullmatch(name) is not None
    )


def provider_at(host: str) -> str | None:
    """The provider that has its own address at a host, None for every other host."""
    return _providers().get(plain_host(host)) if host else None


@cache
def _providers() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in known_providers():
        url = find_provider(name).base_url if has_own_address(name) else None
        if url and (host := urlsplit(url).hostname) and not is_loopback(host):
            found.setdefault(host, name)
    return found


@cache
def _all_hosts() -> frozenset[str]:
    return _HOSTS | _providers().keys() | {host for name in known_providers() for host in address_of(name).hosts}
