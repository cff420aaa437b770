using System.Text.Json.Serialization;
using ModelFs.Registries;
using ModelFs.Vfs.Trees;

namespace ModelFs.Vfs.Freshness;

/// <summary>A complete listing of models, as it lies on disk.</summary>
internal sealed record StoredModels(uint Generation, IReadOnlyList<Model> Models);

/// <summary>What a model's directory holds, as it lies on disk.</summary>
internal sealed record StoredChildren(uint Generation, IReadOnlyList<StoredLink> Links, IReadOnlyList<ModelVersion> Versions);

internal sealed record StoredLink(string Alias, string Version, DateTimeOffset Time);

[JsonSerializable(typeof(Model))]
[JsonSerializable(typeof(ModelVersion))]
[JsonSerializable(typeof(Manifest))]
[JsonSerializable(typeof(StoredModels))]
[JsonSerializable(typeof(StoredChildren))]
[JsonSerializable(typeof(TreeEntry))]
[JsonSerializable(typeof(StoredNames))]
internal sealed partial class StoredJson : JsonSerializerContext;
