using System.Text.Json.Serialization;
using ModelFs.Cache;

namespace ModelFs.Control;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(StatReport))]
[JsonSerializable(typeof(CacheInfoReport))]
[JsonSerializable(typeof(List<CachedItem>))]
[JsonSerializable(typeof(Line<CachedItem>))]
[JsonSerializable(typeof(EvictionRequest))]
[JsonSerializable(typeof(EvictionResult))]
[JsonSerializable(typeof(Line<ScrubReport>))]
[JsonSerializable(typeof(IReadOnlyList<PinReport>))]
[JsonSerializable(typeof(PinReport))]
[JsonSerializable(typeof(List<CacheRow>))]
internal sealed partial class CacheJson : JsonSerializerContext;
